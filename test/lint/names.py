"""The documents name files, functions and tests that exist.

In `backticks`: paths (`src/http/route.c`, `tail.c`, `tail.h`), functions
(`tail_append()`), and tests (`e2e_gaps`, `wire_gaps`, `fuzz_sse`, `test_hub`).
Words in capitals are placeholders: `test/unit/FOLDER/test_NAME.c`.
"""

import re

import tree

CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
PATH = re.compile(r"(?:src|test|tools|examples|include|docs)/[\w./-]+"
                  r"|[a-z][\w-]*\.(?:c|h|wire)")
FUNCTION = re.compile(r"([A-Za-z]\w*)\(\)")
TEST = re.compile(r"(?:e2e|wire|fuzz|test|sim|clients)_[a-z0-9_]+")
PLACEHOLDER = re.compile(r"[A-Z]{3,}|\*|\.\.\.")

# Functions of the system and of libraries, which this project only calls.
FOREIGN = re.compile(r"(?:uv|nats|natsConnection|epoll)_\w+|accept4|close|exec"
                     r"|fetch|fork|recv|send|sendmsg|write")


def _stems(files):
    """Maps tests, as meson and the documents name them, to files."""
    names = {"sim_mutations", "sim_pace"}
    for path in files:
        if not path.startswith("test/"):
            continue
        stem = path.rsplit("/", 1)[-1].rsplit(".", 1)[0]
        if path.endswith(".wire"):
            names.add("wire_" + stem)
        names.update((stem, stem.removeprefix("test_")))
        names.add("clients_" + stem.removeprefix("test_"))
    return names


def _problem(word, files, names, functions):
    if PLACEHOLDER.search(word):
        return None
    function = FUNCTION.fullmatch(word)
    if function:
        name = function.group(1)
        known = FOREIGN.fullmatch(name) or name in functions
        return None if known else "no such function"
    if PATH.fullmatch(word):
        path = word.rstrip("/")
        known = any(f == path or f.endswith("/" + path)
                    or f.startswith(path + "/") for f in files)
        return None if known else "no such file"
    if TEST.fullmatch(word):
        # clients_page_firefox is the test page in one of the browsers.
        known = (word in names or word.removeprefix("test_") in names
                 or word.startswith("clients_")
                 and word.rsplit("_", 1)[0] in names)
        return None if known else "no such test"
    return None


def check_names(root):
    files = tree.files(root)
    names = _stems(files)
    code = "\n".join(tree.read(root, path) or "" for path in files
                     if path.startswith(("src/", "include/", "test/", "examples/"))
                     and path.endswith((".c", ".h", ".js")))
    functions = set(re.findall(r"\b([A-Za-z]\w*)\s*\(", code))
    problems = []
    for path in files:
        if not path.endswith(".md") or path.startswith("test/"):
            continue
        text = tree.read(root, path) or ""
        for number, line in enumerate(text.split("\n"), 1):
            for word in CODE.findall(line):
                why = _problem(word, files, names, functions)
                if why:
                    problems.append(f"{path}:{number}: `{word}`: {why}")
    return problems
