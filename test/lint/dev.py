"""tools/dev does what it says: dev.py SOURCE_ROOT BUILD_ROOT    TAP

meson and ninja are stubs that write down their arguments: the build is there,
and a build inside of a test would be in another's way. The hook runs in a
repository of its own, the printers of gdb in a program of a few lines.
"""

import os
import shutil
import subprocess
import sys
import tempfile

import test_lint
from tap import Tap

STUBS = {
    "ninja": 'echo "ninja $*" >>"$CALLS"\n',
    "meson": """echo "meson $*" >>"$CALLS"
[ "$1" != introspect ] || echo '[{"name": "hub", "suite": ["sluice:unit"]}]'
""",
}

PROGRAM = """#include "base/list.h"
struct item {
	int number;
	struct list link;
};
static struct list items;
static void stop_here(void)
{
}
int main(void)
{
	struct item one = {.number = 11}, two = {.number = 22};

	list_init(&items);
	list_push_back(&items, &one.link);
	list_push_back(&items, &two.link);
	stop_here();
	return 0;
}
"""


def run(argv, **more):
    return subprocess.run(argv, check=False, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          **more)


def has(text, *parts):
    """No problem when the parts are there."""
    return [f"no {part!r} in:\n{text}" for part in parts if part not in text]


class Dev:
    """tools/dev with stubs, on a build folder that exists."""

    def __init__(self, root, build, folder):
        self.root, self.folder = root, folder
        self.calls = os.path.join(folder, "calls")
        for name, text in STUBS.items():
            path = os.path.join(folder, name)
            with open(path, "w", encoding="utf-8") as f:
                f.write("#!/bin/sh\n" + text)
            os.chmod(path, 0o755)
        os.symlink(build, os.path.join(folder, "build-test"))
        self.env = dict(os.environ, CALLS=self.calls, SLUICE_BUILD_DIR=folder,
                        PATH=folder + os.pathsep + os.environ["PATH"])

    def __call__(self, *words):
        """(status, output, calls of meson and ninja)"""
        with open(self.calls, "w", encoding="utf-8"):
            pass
        done = run([os.path.join(self.root, "tools", "dev"), *words],
                   env=self.env)
        with open(self.calls, encoding="utf-8") as f:
            return done.returncode, done.stdout, f.read()


def command_cases(out, dev):
    status, said, _ = dev("no-such-command")
    out.case("an unknown command: usage, status 2",
             has(said, "tools/dev build", "tools/dev test", "tools/dev hook")
             + ([] if status == 2 else [f"status {status}"]))
    _, _, calls = dev("build", "sluice")
    out.case("build TARGET", has(calls, "ninja -C", " sluice"))
    _, _, calls = dev("test")
    out.case("test: the suite unit", has(calls, "meson test", "--suite unit"))
    _, _, calls = dev("test", "hub")
    out.case("test NAME", has(calls, "/build-test hub\n"))
    _, _, calls = dev("lint")
    out.case("lint", has(calls, "--suite lint"))


def wire_case(out, dev):
    status, said, calls = dev(
        "wire", os.path.join(dev.root, "test/wire/policies.wire"),
        "deliver=new", "says")
    out.case("wire FILE WORDS: that conversation, and what came",
             has(calls, "test/wire/test_wire")
             + has(said, "deliver=new says the same: whole", "# client 1 got",
                   "1..5")
             + ([] if status == 0 else [f"status {status}"]))


def commit(tree, path, text):
    full = os.path.join(tree, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "w", encoding="utf-8") as f:
        f.write(text)
    run(["git", "add", path], cwd=tree)
    return run(["git", "-c", "user.name=t", "-c", "user.email=t@localhost",
                "commit", "-q", "-m", "x"], cwd=tree)


def hook_cases(out, root):
    with test_lint.Tree() as tree:
        os.unlink(os.path.join(tree, "docs/words.md"))  # its words are wrong
        shutil.copytree(os.path.join(root, "test/lint"),
                        os.path.join(tree, "test/lint"))
        os.makedirs(os.path.join(tree, "tools"))
        for path in ("tools/dev", "tools/pre-commit", ".clang-format"):
            shutil.copy(os.path.join(root, path), os.path.join(tree, path))
        run(["git", "init", "-q"], cwd=tree)
        said = run([os.path.join(tree, "tools/dev"), "hook"]).stdout
        out.case("hook: installs", has(said, "installed"))
        done = commit(tree, "src/http/sse.c", '#include "http/sse.h"\n')
        out.case("hook: a commit in order",
                 [] if done.returncode == 0 else [done.stdout])
        done = commit(tree, "src/http/sse.c", '#include "delivery/hub.h"\n')
        out.case("hook: an include that points down",
                 has(done.stdout, "http may not include delivery")
                 + ([] if done.returncode else ["it was committed"]))


def gdb_case(out, root, folder):
    name = "gdb: the printers of lists"
    if shutil.which("gdb") is None:
        out.skip(name, "no gdb")
        return
    source = os.path.join(folder, "listed.c")
    with open(source, "w", encoding="utf-8") as f:
        f.write(PROGRAM)
    program = os.path.join(folder, "listed")
    built = run(["cc", "-g", "-O0", "-I", os.path.join(root, "src"), source,
                 "-o", program])
    said = run(["gdb", "-nx", "-batch", "-x",
                os.path.join(root, "tools/sluice-gdb.py"),
                "-ex", "break stop_here", "-ex", "run", "-ex", "up",
                "-ex", "print items", "-ex", "sluice-list &items item link",
                program]).stdout
    out.case(name, has(built.stdout + said, "list of 2", "number = 11",
                       "number = 22"))


def main(root, build):
    out = Tap()
    with tempfile.TemporaryDirectory(prefix="dev-") as folder:
        dev = Dev(root, build, folder)
        command_cases(out, dev)
        wire_case(out, dev)
        hook_cases(out, root)
        gdb_case(out, root, folder)
    return out.end()


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])))
