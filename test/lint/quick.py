"""The checks that need no build: quick.py SOURCE_ROOT

The hook runs them alone; lint.py runs them first.
"""

import sys

import includes
import names
import options
import tap
import text
import words

CHECKS = (
    ("order of the folders", includes.check_folders),
    ("libraries stay in their folders", includes.check_libraries),
    ("static names stand once", includes.check_static_names),
    ("no plain assert in src", text.check_asserts),
    ("no line over 100 columns", text.check_columns),
    ("no path of one machine", text.check_machine_paths),
    ("no package host", text.check_hosts),
    ("scripts that clean up do so on signals", text.check_traps),
    ("links of the documents", text.check_links),
    ("options of the documents", options.check_options),
    ("files, functions and tests of the documents", names.check_names),
)


def cases(out, root):
    for name, check in CHECKS:
        out.case(name, check(root))
    problems, warnings = words.check_words(root)
    out.case("words of the glossary", problems)
    out.notes("warning: " + line for line in warnings)


class Quiet(tap.Tap):
    """Prints problems alone."""

    def notes(self, lines):
        pass

    def _print(self, line):
        if line.startswith(("not ok", "#")):
            super()._print(line)


if __name__ == "__main__":
    quiet = Quiet()
    cases(quiet, sys.argv[1])
    sys.exit(1 if quiet.failures else 0)
