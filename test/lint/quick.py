"""The checks that need no build, for the hook: quick.py SOURCE_ROOT"""

import sys

import includes
import names
import options
import tap
import text
import words


def cases(out, root):
    out.case("order of the folders", includes.check_folders(root))
    out.case("libraries stay in their folders", includes.check_libraries(root))
    out.case("static names stand once", includes.check_static_names(root))
    out.case("no plain assert in src", text.check_asserts(root))
    out.case("no line over 100 columns", text.check_columns(root))
    out.case("no path of one machine", text.check_machine_paths(root))
    out.case("no package host", text.check_hosts(root))
    out.case("links of the documents", text.check_links(root))
    out.case("options of the documents", options.check_options(root))
    out.case("files, functions and tests of the documents",
             names.check_names(root))
    out.case("words of the glossary", words.check_words(root))


class Quiet(tap.Tap):
    """Prints problems alone."""

    def _print(self, line):
        if line.startswith(("not ok", "#")):
            super()._print(line)


if __name__ == "__main__":
    quiet = Quiet()
    cases(quiet, sys.argv[1])
    sys.exit(1 if quiet.failures else 0)
