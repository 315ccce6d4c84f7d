"""Counts the test cases of meson's logs.

	totals.py suite LABEL LOG.json   one line for the suite, then what failed
	totals.py sum FILE...            adds up the totals lines of text files
	totals.py last FILE...           adds up their last lines

A test that speaks TAP counts as its cases, another one as one. A test that
ended without saying why (a crash, a time-out, no output) is one failure more,
and so is a log that is not there or holds no test, and a file without a totals
line. "sum" and "last" print the line "N passed, N failed, N skipped". Exit
status 1 when anything failed.
"""

import json
import os
import re
import sys

CASE = re.compile(r"^(not )?ok\b[^#\n]*(#\s*skip\b)?", re.IGNORECASE)
TOTALS = re.compile(r"(\d+) passed, (\d+) failed, (\d+) skipped")
LOG_LINES = 120


class Counts:
    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        return (f"{self.passed} passed, {self.failed} failed, "
                f"{self.skipped} skipped")


def count_tap(text):
    counts = Counts()
    for line in text.split("\n"):
        case = CASE.match(line)
        if case is None:
            continue
        if case.group(1):
            counts.failed += 1
        elif case.group(2):
            counts.skipped += 1
        else:
            counts.passed += 1
    return counts


def count_test(entry):
    """The cases of one test program."""
    counts = count_tap(entry.get("stdout") or "")
    result = entry["result"]
    if counts.passed + counts.failed + counts.skipped == 0:
        # No TAP: the exit status is the one case.
        if result in ("OK", "EXPECTEDFAIL"):
            return Counts(passed=1)
        if result == "SKIP":
            return Counts(skipped=1)
    if result not in ("OK", "EXPECTEDFAIL", "SKIP") and counts.failed == 0:
        counts.failed += 1
    return counts


def last_lines(text):
    lines = (text or "").rstrip("\n").split("\n")
    if len(lines) > LOG_LINES:
        cut = len(lines) - LOG_LINES
        lines = [f"({cut} lines before these)"] + lines[-LOG_LINES:]
    return lines


def show_failure(entry):
    print(f"  FAILED {entry['name']} ({entry['result']}, "
          f"exit status {entry.get('returncode')})")
    for name in ("stdout", "stderr"):
        for line in last_lines(entry.get(name)):
            if line:
                print(f"    {line}")


def read_log(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8", errors="replace") as f:
        return [json.loads(line) for line in f if line.strip()]


def suite(label, path):
    entries = read_log(path)
    total = Counts()
    failures = []
    seconds = 0.0
    for entry in entries:
        counts = count_test(entry)
        total.add(counts)
        seconds += entry.get("duration") or 0
        if counts.failed:
            failures.append(entry)
    if not entries:
        total.failed += 1
    print(f"{label:<20} {total}   ({len(entries)} programs, {seconds:.0f} s)")
    if not entries:
        print("  FAILED no test ran")
    for entry in failures:
        show_failure(entry)
    return 1 if total.failed else 0


def totals_of(path, last_only):
    """What a text file's totals lines say; a file without one is a failure."""
    with open(path, encoding="utf-8", errors="replace") as f:
        lines = [line for line in f if line.strip()]
    if last_only:
        lines = lines[-1:]
    found = [m for m in map(TOTALS.search, lines) if m]
    if not found:
        return Counts(failed=1)
    total = Counts()
    for match in found:
        total.add(Counts(*map(int, match.groups())))
    return total


def sum_files(paths, last_only):
    total = Counts()
    for path in paths:
        total.add(totals_of(path, last_only))
    print(total)
    return 1 if total.failed else 0


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "suite":
        sys.exit(suite(sys.argv[2], sys.argv[3]))
    if len(sys.argv) > 2 and sys.argv[1] in ("sum", "last"):
        sys.exit(sum_files(sys.argv[2:], sys.argv[1] == "last"))
    sys.exit(__doc__)
