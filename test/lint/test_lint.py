"""Each check sees what it forbids, and nothing in a tree that is in order."""

import json
import os
import shutil
import subprocess
import sys
import tempfile

import build
import calls
import includes
import names
import options
import tap
import text
import words

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
\t{.name = "check-config",
\t .value = "0"},
};
"""
ROWS = ["| `--retry DURATION` | `3s` | how long |\n",
        "| `--creds FILE` | none | which |\n",
        "| `--check-config` | | of --retry and others |\n"]

GOOD = {
    "src/base/log.c": '#include "base/log.h"\n#include <time.h>\n'
                      '/* assert(it) would be wrong here */\n'
                      'static int write_line(void)\n{\n}\n',
    "src/base/log.h": '#include <stdint.h>\n#include "base/check.h"\n',
    "src/server/conn.c": '#include <uv.h>\n#include "delivery/hub.h"\n'
                         'static void on_closed(void)\n{\n}\n',
    "src/base/text.h": '/* A client whose socket is full, a name, whose end is\n'
                       ' * known. A letter of either case. */\n'
                       'int who; /* not a word */\n',
    "docs/words.md": "Anyone who reads this is warned.\n",
    "README.md": "[the rooms](docs/rooms.md#the-rooms) "
                 "[site](https://example.org) `[no](link.md)`\n",
    "docs/rooms.md": "# The rooms\n",
    "test/run.sh": "mirror=$(mirror)\n",
    "src/config/option_table.c": OPTIONS,
    "docs/cli.md": "".join(ROWS),
}

def check_words(root):
    """Of words.py, with src/ as the only folder that is clean."""
    return words.check_words(root, ("src/",))[0]


# Name of the case, the check, a file to add to the good tree.
BAD = [
    ("a folder below", includes.check_folders,
     "src/http/sse.c", '#include "delivery/hub.h"\n'),
    ("folders that never meet", includes.check_folders,
     "src/server/listener.c", '#include "upstream/nats_source.h"\n'),
    ("a header that is not named from src", includes.check_folders,
     "src/http/sse.c", '#include "sse.h"\n'),
    ("another folder's private header", includes.check_folders,
     "src/gateway/gateway.c", '#include "server/conn_internal.h"\n'),
    ("a file in no folder", includes.check_folders, "src/util/x.c", "\n"),
    ("a library in another's folder", includes.check_libraries,
     "src/delivery/hub.c", "#include <uv.h>\n"),
    ("a library under its folder", includes.check_libraries,
     "src/server/listener.c", "#include <nats/nats.h>\n"),
    ("a static name that stands twice", includes.check_static_names,
     "src/base/text.c", "static int write_line(void)\n{\n}\n"),
    ("an assert", text.check_asserts,
     "src/delivery/hub.c", "int f(void)\n{\n\tassert(1);\n}\n"),
    ("assert.h", text.check_asserts,
     "src/delivery/hub.c", "#include <assert.h>\n"),
    ("a long line", text.check_columns,
     "src/delivery/hub.c", "\t" * 12 + "/* 101 */\n"),
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
    ("a file that is not there", names.check_names,
     "docs/b.md", "See `src/base/attic.c`.\n"),
    ("a function that is not there", names.check_names,
     "docs/b.md", "Call `attic_open()`.\n"),
    ("a test that is not there", names.check_names,
     "docs/b.md", "Held by `e2e_attic`.\n"),
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
    ("a person", check_words,
     "src/base/text.c", "/* The one who asks. */\n"),
    ("a person in a log line", check_words,
     "src/base/text.c", 'x("nobody is there");\n'),
    ("a riddle", check_words,
     "src/base/text.c", "/* Whose turn it is. */\n"),
    ("a riddle behind a verb", check_words,
     "src/base/text.c", "/* Says\n * whose it is. */\n"),
    ("mail between threads", check_words,
     "src/loop/mailbox.h", "/* The next letter of the mailbox. */\n"),
    ("a verb of no trade", check_words,
     "src/base/text.c", "// It is made anew.\n"),
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
    entries = [{"directory": root, "file": p, "command": f"cc -Isrc -c {p} -o x.o"}
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
    with Tree(("src/delivery/hub.h", "uint64_t now;\n")) as root:
        compiled = compile_commands(root, "src/base/log.c",
                                    "src/config/option_table.c")
        out.case("a file that is not built", seen(
            build.check_registered(root, compiled), "src/server/conn.c"))
        out.case("a header that leans on others", [] if build.check_header(
            root, "src/delivery/hub.h", compiled) else ["it passed"])
        compiler = shutil.which("c++")
        if compiler is None:
            out.skip("a header that C++ can't read", "no c++")
        else:
            out.case("a header that C++ can't read",
                     [] if build.check_header_in_cxx(
                         root, "src/delivery/hub.h", compiler)
                     else ["it passed"])
    program, why = build.clang_format()
    with Tree(("src/base/ugly.c", "int  a ;\n"), (".clang-format", "BasedOnStyle: LLVM\n")) as root:
        if program is None:
            out.skip("a file of another format", why)
        else:
            problems = build.check_format(root, program)
            out.case("a file of another format",
                     [] if any("ugly.c" in p for p in problems)
                     else [str(problems)])
    with Tree(("src/base/check.h", "")) as root:
        compiled = compile_commands(root, "src/base/log.c", "src/server/conn.c",
                                    "src/config/option_table.c")
        out.case("all built", build.check_registered(root, compiled))
        out.case("a header that stands alone", build.check_header(
            root, "src/base/log.h", compiled))


# File of src/, its functions, calls of each file.
CHAIN = {"base_a": "int a(void)\n{\n\treturn 1;\n}\n",
         "base_b": "int a(void);\nint b(void)\n{\n\treturn a();\n}\n",
         "http_c": "int b(void);\nint c(void)\n{\n\treturn b();\n}\n"}


def objects_of(root, sources):
    paths = []
    for name, source in sources.items():
        paths.append(os.path.join(root, name + ".c.o"))
        subprocess.run(["cc", "-x", "c", "-c", "-", "-o", paths[-1]],
                       input=source, encoding="utf-8", check=True)
    return paths


def call_cases(out):
    with Tree() as root:
        out.case("a build without objects",
                 seen(calls.check_calls([]), "no objects"))
        out.case("calls in one direction",
                 calls.check_calls(objects_of(root, CHAIN)))
        circle = {**CHAIN, "base_a": "int b(void);\nint a(void)\n{\n"
                                     "\treturn b();\n}\n"}
        problems = calls.check_calls(objects_of(root, circle))
        out.case("a circle of calls, and not its caller",
                 [] if [p.split(":")[0] for p in problems]
                 == ["src/base_a.c", "src/base_b.c"] else problems)


def main():
    out = tap.Tap()
    with Tree() as root:
        for check in CHECKS:
            out.case(f"{check.__name__}: a tree in order", check(root))
    for name, check, path, content in BAD:
        with Tree((path, content)) as root:
            out.case(f"{check.__name__}: {name}", seen(check(root), path))
    with Tree() as root:
        out.case("check_words: a warning elsewhere", seen(
            words.check_words(root, ("src/",))[1][:1], "docs/words.md"))
    build_cases(out)
    call_cases(out)
    return out.end()


if __name__ == "__main__":
    sys.exit(main())
