"""What belongs to the project: the files below a root, without builds."""

import os

SKIPPED_FOLDERS = ("build", ".git", ".cache", "__pycache__", "subprojects")


def _skipped(name):
    return any(name == s or name.startswith(s + "-") for s in SKIPPED_FOLDERS)


def files(root, *endings):
    """Paths relative to root, sorted; all of them when no ending is given."""
    found = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [s for s in subfolders if not _skipped(s)]
        for name in names:
            if name != ".git" and (not endings or name.endswith(endings)):
                path = os.path.join(folder, name)
                found.append(os.path.relpath(path, root))
    return sorted(found)


def read(root, path):
    """The text of a file; None when it is not text."""
    with open(os.path.join(root, path), "rb") as f:
        data = f.read()
    try:
        return None if b"\0" in data else data.decode("utf-8")
    except UnicodeDecodeError:
        return None
