"""Words that docs/glossary.md rules out, in comments, log lines and documents.

    words.py SOURCE_ROOT    every place, and their number
"""

import os
import re
import sys

import tree

# The word, and what to write. Whole words, in any case.
RULED_OUT = {
    r"who|whom|whose|whoever": "the noun: the client, the server, the replay",
    r"nobody|somebody|no one": "the noun",
    r"anew": "again; recreated, restarted",
    r"trying on": "retrying",
    r"passed over": "skipped, ignored",
    r"overtaken|fell off|lagged": "evicted",
    r"fallen behind the log": "evicted",
    r"turns? into": "becomes",
    r"letters?(?!,? (?:and )?digits)|bells?": "message, wakeup (between threads)",
}
PATTERNS = [(re.compile(rf"\b(?:{words})\b", re.IGNORECASE), instead)
            for words, instead in RULED_OUT.items()]

# Where the words are themselves the subject.
EXEMPT = ("docs/glossary.md", "CHANGELOG.md", "LICENSE",
          "test/lint/words.py", "test/lint/test_lint.py")

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
STRING = re.compile(r'"(?:\\.|[^"\\\n])*"')


def _prose(path, text):
    """The parts of a file that a person reads: (offset, text)."""
    if path.endswith(".md"):
        return [(0, text)]
    spans = [(m.start(), m.group(0)) for m in COMMENT.finditer(text)]
    if path.startswith(("src/", "include/")):
        code = COMMENT.sub(lambda m: " " * len(m.group(0)), text)
        spans += [(m.start(), m.group(0)) for m in STRING.finditer(code)
                  if " " in m.group(0)]
    return spans


def find(root):
    """(path, line, word, what to write) for each place."""
    for path in tree.files(root, ".c", ".h", ".md"):
        if path in EXEMPT or path.startswith("build"):
            continue
        text = tree.read(root, path) or ""
        for offset, part in _prose(path, text):
            for pattern, instead in PATTERNS:
                for m in pattern.finditer(part):
                    line = text.count("\n", 0, offset + m.start()) + 1
                    yield path, line, m.group(0), instead


def check_words(root, folders=("src/", "include/")):
    """Problems in the folders that are held to the glossary already."""
    return [f"{path}:{line}: \"{word}\": write {instead}"
            for path, line, word, instead in find(root)
            if path.startswith(folders)]


def main(root):
    places = list(find(os.path.abspath(root)))
    for path, line, word, instead in places:
        print(f"{path}:{line}: \"{word}\": write {instead}")
    print(f"{len(places)} places")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else ".")
