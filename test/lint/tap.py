"""TAP output for the lint checks: what meson counts as test cases."""

import sys


class Tap:
    """Prints one line a case as it comes and the plan at the end."""

    def __init__(self, out=sys.stdout):
        self.out = out
        self.cases = 0
        self.failures = 0

    def case(self, name, problems):
        """One case; `problems` is a list of lines, empty when all is well."""
        self.cases += 1
        verdict = "ok" if not problems else "not ok"
        self._print(f"{verdict} {self.cases} - {name}")
        for line in problems:
            self._print(f"# {line}")
        if problems:
            self.failures += 1

    def notes(self, lines):
        """Remarks on the case before, which fail nothing."""
        for line in lines:
            self._print(f"# {line}")

    def skip(self, name, reason):
        self.cases += 1
        self._print(f"ok {self.cases} - {name} # SKIP {reason}")

    def end(self):
        """Prints the plan; the exit status for sys.exit()."""
        self._print(f"1..{self.cases}")
        return 1 if self.failures else 0

    def _print(self, line):
        print(line, file=self.out, flush=True)
