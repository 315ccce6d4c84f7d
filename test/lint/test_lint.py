"""Each check sees what it forbids, and nothing in a tree that is in order."""

import json
import os
import shutil
import sys
import tempfile

import build
import includes
import options
import tap
import text

OPTIONS = """const struct options_row options_table[] = {
\t{.name = "retry",
\t .type = OPTIONS_DURATION,
\t .metavar = "DURATION",
\t .value = "3s"},
\t{.name = "creds",
\t .metavar = "FILE",
\t .fault = NULL},

\t{.name = "user-jwt",
\t .flags = OPTIONS_SECRET | OPTIONS_HIDDEN},
\t{.name = "check",
\t .value = "0"},
};
"""
ROWS = ["| `--retry DURATION` | `3s` | how long |\n",
        "| `--creds FILE` | none | which |\n",
        "| `--check` | | of --retry and others |\n"]

GOOD = {
    "src/core/log.c": '#include "log.h"\n#include "sse.h"\n'
                      '/* assert(it) would be wrong here */\n',
    "src/core/log.h": '#include <stdint.h>\n#include "check.h"\n',
    "src/io/conn.c": '#include <uv.h>\n#include "../core/hub.h"\n',
    "README.md": "[the rooms](docs/rooms.md#the-rooms) "
                 "[site](https://example.org) `[no](link.md)`\n",
    "docs/rooms.md": "# The rooms\n",
    "test/run.sh": "mirror=$(mirror)\n",
    "src/config/option_table.c": OPTIONS,
    "docs/cli.md": "".join(ROWS),
}

# Name of the case, the check, a file to add to the good tree.
BAD = [
    ("a higher rank", includes.check_ranks,
     "src/core/sse.c", '#include "log.h"\n'),
    ("a sibling", includes.check_ranks,
     "src/core/tail.c", '#include "replay.h"\n'),
    ("a file without rank", includes.check_ranks, "src/core/util.c", "\n"),
    ("a library in another's room", includes.check_libraries,
     "src/core/hub.c", "#include <uv.h>\n"),
    ("a library under its folder", includes.check_libraries,
     "src/io/conn.c", "#include <nats/nats.h>\n"),
    ("an assert", text.check_asserts,
     "src/core/hub.c", "int f(void)\n{\n\tassert(1);\n}\n"),
    ("assert.h", text.check_asserts,
     "src/core/hub.c", "#include <assert.h>\n"),
    ("a long line", text.check_columns,
     "src/core/hub.c", "\t" * 12 + "/* 101 */\n"),
    ("a machine's path", text.check_machine_paths,
     "docs/a.md", "see /" + "home/me/x\n"),
    ("a host", text.check_hosts,
     "test/run.sh", "fetch http://deb" + ".example.org/debian\n"),
    ("an EXIT trap alone", text.check_traps,
     "test/run.sh", "trap 'rm -rf x' EXIT\ntrap 'exit 130' INT\n"),
    ("an EXIT trap alone, by the first line", text.check_traps,
     "ci/run", "#!/bin/sh\ntrap 'rm -rf x' EXIT\n"),
    ("a dead link", text.check_links, "docs/b.md", "[x](nowhere.md)\n"),
    ("a dead anchor", text.check_links, "docs/b.md", "[x](rooms.md#attic)\n"),
    ("an option that no page has", options.check_options,
     "docs/cli.md", ROWS[0] + ROWS[2]),
    ("a row that is no option", options.check_options,
     "docs/cli.md", "".join(ROWS) + "| `--user-jwt` | none | |\n"),
    ("a word that is no option", options.check_options,
     "docs/cli.md", "".join(ROWS) + "Or --retries.\n"),
    ("another default", options.check_options,
     "docs/cli.md", ROWS[0].replace("3s", "2s") + ROWS[1] + ROWS[2]),
    ("another metavar", options.check_options,
     "docs/cli.md", ROWS[0] + ROWS[1].replace("FILE", "NAME") + ROWS[2]),
    ("a wrong row in the README", options.check_options,
     "README.md", ROWS[0].replace("3s", "30s")),
    ("a row that is not read", options.check_options,
     "src/config/option_table.c", OPTIONS.replace('{.name = "c', '{ .name = "c')),
    ("a table that is not read", options.check_options,
     "src/config/option_table.c", "struct options_row rows[] = {0};\n"),
]

CHECKS = sorted({check for _, check, _, _ in BAD}, key=lambda c: c.__name__)


class Tree:
    """A project of a few files, in a folder that goes away."""

    def __init__(self, *more):
        self.root = tempfile.mkdtemp(prefix="lint-")
        for path, content in list(GOOD.items()) + list(more):
            full = os.path.join(self.root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as f:
                f.write(content)

    def __enter__(self):
        return self.root

    def __exit__(self, *unused):
        shutil.rmtree(self.root)


def compile_commands(root, *paths):
    entries = [{"directory": root, "file": p, "command": f"cc -c {p} -o x.o"}
               for p in paths]
    path = os.path.join(root, "compile_commands.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(entries, f)
    return build.commands(root)


def seen(problems, path):
    """The case's verdict: exactly one problem, in that file."""
    if len(problems) == 1 and path in problems[0]:
        return []
    return [f"expected one problem in {path}, got: {problems}"]


def build_cases(out):
    with Tree(("src/core/hub.h", "uint64_t now;\n")) as root:
        compiled = compile_commands(root, "src/core/log.c",
                                    "src/config/option_table.c")
        out.case("a file that is not built", seen(
            build.check_registered(root, compiled), "src/io/conn.c"))
        out.case("a header that leans on others", [] if build.check_header(
            root, "src/core/hub.h", compiled) else ["it passed"])
        compiler = shutil.which("c++")
        if compiler is None:
            out.skip("a header that C++ can't read", "no c++")
        else:
            out.case("a header that C++ can't read",
                     [] if build.check_header_in_cxx(
                         root, "src/core/hub.h", compiler)
                     else ["it passed"])
    with Tree(("src/core/check.h", "")) as root:
        compiled = compile_commands(root, "src/core/log.c", "src/io/conn.c",
                                    "src/config/option_table.c")
        out.case("all built", build.check_registered(root, compiled))
        out.case("a header that stands alone", build.check_header(
            root, "src/core/log.h", compiled))


def main():
    out = tap.Tap()
    with Tree() as root:
        for check in CHECKS:
            out.case(f"{check.__name__}: a tree in order", check(root))
    for name, check, path, content in BAD:
        with Tree((path, content)) as root:
            out.case(f"{check.__name__}: {name}", seen(check(root), path))
    build_cases(out)
    return out.end()


if __name__ == "__main__":
    sys.exit(main())
