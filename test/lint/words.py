"""Words that docs/glossary.md rules out, in comments, log lines and documents.

    words.py SOURCE_ROOT    every place, and their number
"""

import os
import re
import sys

import tree

# These parts hold to the glossary: a word there is a failure, elsewhere a
# warning.
CLEAN = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/", "examples/",
         "include/", "src/", "test/", "tools/")

# The word, and what to write. Whole words, in any case.
RULED_OUT = {
    r"who|whom|whoever": "the noun: the client, the server, the replay",
    r"nobody|somebody|anybody|no one|someone|anyone": "the noun",
    r"anew": "again; recreated, restarted",
    r"try on|tries on|trying on": "retry",
    r"pass(?:es|ed|ing)? over": "skip, ignore",
    r"overtaken|fell off|lagged": "evicted",
    r"fallen behind the log": "evicted",
    r"turns? into": "becomes",
    r"(?:is|are|be|was|were) (?:told|said)": "report, write",
}
# Words that have a second, honest sense, seen from what stands around them.
WHOSE = r"whose"
THREADS = r"letters?|bells?"

PATTERNS = [(re.compile(rf"\b(?:{words})\b", re.IGNORECASE), instead)
            for words, instead in RULED_OUT.items()]
WHOSE_PATTERN = re.compile(rf"\b{WHOSE}\b", re.IGNORECASE)
THREADS_PATTERN = re.compile(rf"\b(?:{THREADS})\b", re.IGNORECASE)

# Where the words are themselves the subject.
EXEMPT = ("docs/glossary.md", "CHANGELOG.md", "LICENSE",
          "test/lint/words.py", "test/lint/test_lint.py")

COMMENT = {
    "c": re.compile(r"/\*.*?\*/|(?<!:)//[^\n]*", re.DOTALL),
    "js": re.compile(r"/\*.*?\*/|(?<!:)//[^\n]*", re.DOTALL),
    "#": re.compile(r"^[ \t]*#[^\n]*", re.MULTILINE),
    "py": re.compile(r'^[ \t]*#[^\n]*|""".*?"""', re.DOTALL | re.MULTILINE),
}
KINDS = {".c": "c", ".h": "c", ".js": "js", ".mjs": "js", ".css": "js",
         ".sh": "#", ".wire": "#", ".build": "#", ".conf": "#", ".py": "py"}
STRING = re.compile(r'"(?:\\.|[^"\\\n])*"')

# A relative clause ("a client whose socket is full") has a noun before it.
QUESTION = re.compile(r"\b(?:says?|said|knows?|known|shows?|sees?|see|tells?|is|"
                      r"are|of|for|from|by|to|with)$", re.IGNORECASE)
# A letter of the alphabet, and one between threads.
ALPHABET = re.compile(r"\b(?:case|digits?|alphabet|upper|lower|capitals?|first|"
                      r"spelled|backslash|base64\w*|base32|token|nearest|by)\b",
                      re.IGNORECASE)
MAIL = re.compile(r"\b(?:mailbox|slabs?|thread\w*|post\w*|rings?|rang|rung|wake\w*)"
                  r"\b", re.IGNORECASE)


def _around(part, m, width=60):
    return part[max(0, m.start() - width):m.end() + width]


def _asks(part, m):
    """A "whose" without a noun before it: a question, a riddle."""
    before = re.sub(r"[\s*/#]+$", "", part[:m.start()])
    if not before or before[-1] in ".:;!?|(-":
        return True
    return QUESTION.search(before) is not None


def _of_threads(part, m):
    around = _around(part, m)
    return MAIL.search(around) is not None and not ALPHABET.search(around)


def _prose(path, text):
    """The parts of a file that a person reads: (offset, text)."""
    if path.endswith(".md"):
        return [(0, text)]
    comment = COMMENT[KINDS[os.path.splitext(path)[1]]]
    spans = [(m.start(), m.group(0)) for m in comment.finditer(text)]
    if path.startswith(("src/", "include/")):
        code = comment.sub(lambda m: " " * len(m.group(0)), text)
        spans += [(m.start(), m.group(0)) for m in STRING.finditer(code)
                  if " " in m.group(0)]
    return spans


def _matches(part):
    """(match, what to write) for each place in a text."""
    for pattern, instead in PATTERNS:
        for m in pattern.finditer(part):
            yield m, instead
    for m in WHOSE_PATTERN.finditer(part):
        if _asks(part, m):
            yield m, "the noun's"
    for m in THREADS_PATTERN.finditer(part):
        if _of_threads(part, m):
            yield m, "message, wakeup"


def find(root):
    """(path, line, word, what to write) for each place."""
    for path in tree.files(root, ".md", *KINDS):
        if path in EXEMPT:
            continue
        text = tree.read(root, path) or ""
        for offset, part in _prose(path, text):
            for m, instead in _matches(part):
                line = text.count("\n", 0, offset + m.start()) + 1
                yield path, line, m.group(0), instead


def _lines(places):
    return [f"{path}:{line}: \"{word}\": write {instead}"
            for path, line, word, instead in places]


def check_words(root, folders=CLEAN):
    """(problems, warnings): in the clean folders, and in the others."""
    problems, warnings = [], []
    for place in find(root):
        (problems if place[0].startswith(folders) else warnings).append(place)
    return _lines(problems), _lines(warnings)


def main(root):
    places = list(find(os.path.abspath(root)))
    print("\n".join(_lines(places) + [f"{len(places)} places"]))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else ".")
