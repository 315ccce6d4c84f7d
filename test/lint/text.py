"""Rules that are seen in the text alone."""

import os
import re

import tree

# A folder of one person's machine means nothing on another.
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:home|work|Users)/[\w.]")
# Programs fetch only through the machine's own package manager: which mirror
# that takes is not for the project to say.
HOSTS = re.compile(r"\b(?:deb|ftp|mirror|registry|proxy|pypi|files|index)"
                   r"\.[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:org|net|com|io|dev)\b")
PLAIN_ASSERT = re.compile(r"(?<![\w.])assert\s*\(|<assert\.h>")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|<img [^>]*src=\"([^\"]+)\"")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
MAX_COLUMNS = 100


def _lines(root, pattern, *endings, skip=()):
    for path in tree.files(root, *endings):
        if path in skip:
            continue
        text = tree.read(root, path) or ""
        for number, line in enumerate(text.split("\n"), 1):
            if pattern.search(line):
                yield path, number, line.strip()


def check_machine_paths(root):
    return [f"{path}:{number}: a path of one machine: {line}"
            for path, number, line in _lines(root, MACHINE_PATHS)]


def check_hosts(root):
    return [f"{path}:{number}: names a package host: {line}"
            for path, number, line in _lines(root, HOSTS)]


def check_asserts(root):
    problems = []
    for path in tree.files(os.path.join(root, "src"), ".c", ".h"):
        text = tree.read(root, os.path.join("src", path)) or ""
        if PLAIN_ASSERT.search(COMMENT.sub("", text)):
            problems.append(f"src/{path}: assert() dies with NDEBUG: "
                            "MUST() of check.h")
    return problems


def _columns(line):
    return len(line.expandtabs(8))


def check_columns(root):
    problems = []
    for path in tree.files(root, ".c", ".h", ".sh", ".py"):
        text = tree.read(root, path) or ""
        for number, line in enumerate(text.split("\n"), 1):
            if _columns(line) > MAX_COLUMNS:
                problems.append(f"{path}:{number}: {_columns(line)} columns, "
                                f"{MAX_COLUMNS} at the most")
    return problems


def _anchors(text):
    """What GitHub makes of the headings."""
    found = set()
    for heading in re.findall(r"^#+\s+(.*)$", text, re.MULTILINE):
        plain = re.sub(r"[`*\[\]]|\([^)]*\)", "", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-"))
    return found


def _link_problem(root, path, target):
    if re.match(r"[a-z]+:", target):
        return None
    name, _, anchor = target.partition("#")
    there = path if name == "" else os.path.normpath(
        os.path.join(os.path.dirname(path), name))
    if not os.path.exists(os.path.join(root, there)):
        return f"{path}: links to {target}, which is not there"
    if anchor and there.endswith(".md"):
        if anchor not in _anchors(tree.read(root, there) or ""):
            return f"{path}: links to {target}, which has no such heading"
    return None


def check_links(root):
    problems = []
    for path in tree.files(root, ".md"):
        text = CODE.sub("", tree.read(root, path) or "")
        for plain, image in LINK.findall(text):
            problems.append(_link_problem(root, path, plain or image))
    return [p for p in problems if p]


def _is_script(root, path):
    text = tree.read(root, path) or ""
    return path.endswith(".sh") or re.match(r"#!.*\bsh\b", text) is not None


def check_traps(root):
    """A shell such as dash runs no EXIT trap when a signal ends it."""
    problems = []
    for path in tree.files(root):
        if not _is_script(root, path):
            continue
        trapped = re.findall(r"^\s*trap (?:'[^']*'|\S+) ([A-Z ]+)$",
                             tree.read(root, path), re.MULTILINE)
        signals = set(" ".join(trapped).split())
        missing = {"INT", "TERM", "HUP"} - signals
        if "EXIT" in signals and missing:
            problems.append(f"{path}: traps EXIT and not "
                            + " ".join(sorted(missing)))
    return problems
