"""What examples/monitoring gives to Prometheus, by Prometheus's own tool.

	monitoring.py ROOT SLUICE       TAP on standard output

The rules are tried on made-up series; and what they and the dashboard ask for is
held against what a gateway says.
"""

import json
import os
import re
import subprocess
import sys
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lint"))

# pylint: disable=wrong-import-position
from tap import Tap

PATIENCE_S = 30


def promtool(args, folder, text=None):
    """What it found; an empty list when all is well."""
    done = subprocess.run(["promtool", *args], cwd=folder, input=text,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    said = done.stdout.decode(errors="replace").splitlines()
    return said or ["failed"] if done.returncode != 0 else []


def read(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8") as f:
        return f.read()


def untried(rules, tests):
    """Alerts that are never seen to fire."""
    found = []
    cases = re.split(r"\n\s+- (?=eval_time|\{)", tests)
    for name in re.findall(r"- alert: (\w+)", rules):
        of = [c for c in cases if re.search(rf"alertname: {name}\b", c)]
        if not any("exp_labels" in c for c in of):
            found.append(f"{name} never fires in alerts_test.yml")
    return found


def exposition(program):
    """What a gateway says that has no NATS server."""
    gateway = subprocess.Popen(
        [program, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
         "--server", "nats://127.0.0.1:1", "--drain-delay", "0"],
        stderr=subprocess.PIPE)
    try:
        for line in gateway.stderr:
            found = re.search(rb"msg=listening address=(\S+) listener=admin",
                              line)
            if found:
                break
        address = found.group(1).decode()
        with urllib.request.urlopen(f"http://{address}/metrics",
                                    timeout=PATIENCE_S) as answer:
            return answer.read()
    finally:
        gateway.terminate()
        gateway.stderr.read()
        gateway.wait(PATIENCE_S)


def unknown_names(text, said):
    """Metrics that are asked for and not there."""
    there = set(re.findall(r"^(\w+)[{ ]", said, re.M))
    asked = set(re.findall(r"\b(?:sluice|process)_\w+", text))
    return [f"no metric {name}" for name in sorted(asked - there)]


def dashboard_exprs(text):
    """All that it asks for, in one string."""
    found = []

    def walk(node):
        if isinstance(node, dict):
            found.extend(v for k, v in node.items() if k == "expr")
            node = list(node.values())
        if isinstance(node, list):
            for item in node:
                walk(item)
    walk(json.loads(text))
    return "\n".join(found)


def main():
    folder = os.path.join(os.path.abspath(sys.argv[1]), "examples",
                          "monitoring")
    rules = read(folder, "alerts.yml")
    exprs = dashboard_exprs(read(folder, "dashboard.json"))
    for name in [n for n in os.environ if n.startswith("SLUICE_")]:
        del os.environ[name]
    tap = Tap()
    tap.case("the configuration and its rules are good",
             promtool(["check", "config", "prometheus.yml"], folder))
    tap.case("alerts fire when they should",
             promtool(["test", "rules", "alerts_test.yml"], folder))
    tap.case("each alert is tried",
             untried(rules, read(folder, "alerts_test.yml")))
    said = exposition(sys.argv[2])
    tap.case("what a gateway says is good",
             promtool(["check", "metrics"], folder, said))
    said = said.decode()
    tap.case("it has what the rules ask for", unknown_names(rules, said))
    tap.case("it has what the dashboard asks for",
             unknown_names(exprs, said) if exprs else ["no expression"])
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
