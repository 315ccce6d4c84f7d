"""Measures the gateway and its peers: see run.sh."""

import argparse
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import children
import peers
import plots
import results
import sampling
import scenarios
from rig import Rig


def arguments():
    known = ", ".join(s.name for s in scenarios.ALL)
    parser = argparse.ArgumentParser(
        prog="run.sh", epilog=f"scenarios: {known}")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO",
                        help="or SCENARIO=CASE,CASE; default: all")
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--peers", default="nchan",
                        help="peers besides sluice: nchan,poc,node or none")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1,
                        help="0.1: a tenth of the subscriptions, messages and "
                             "time")
    parser.add_argument("--out", default=None, help="folder for the results")
    parser.add_argument("--syscalls", action="store_true",
                        help="an additional round of each, under strace")
    parser.add_argument("--no-install", action="store_true",
                        help="install no packages")
    parser.add_argument("--list", action="store_true",
                        help="the scenarios and their cases")
    return parser.parse_args()


def print_cases():
    for scenario in scenarios.ALL:
        print(f"{scenario.name}: {scenario.title}")
        print("    " + " ".join(c.replace(" ", "") for c in scenario.cases()))


def wanted(words):
    """[(scenario, {case: params})]"""
    known = {s.name: s for s in scenarios.ALL}
    if not words:
        return [(s, s.cases()) for s in scenarios.ALL]
    found = []
    for word in words:
        name, _, picked = word.partition("=")
        if name not in known:
            sys.exit(f"unknown scenario {name}; known: {', '.join(known)}")
        cases = known[name].cases()
        if picked:
            keys = {c.replace(" ", ""): c for c in cases}
            unknown = [p for p in picked.split(",") if p not in keys]
            if unknown:
                sys.exit(f"{name} has no case {unknown[0]}: "
                         f"{', '.join(keys)}")
            cases = {keys[p]: cases[keys[p]] for p in picked.split(",")}
        found.append((known[name], cases))
    return found


def version(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True,
                              check=False)
    except OSError:
        return "none"
    return (done.stdout + done.stderr).strip().split("\n")[0]


def describe(build):
    return {**sampling.machine(),
            "sluice": version(os.path.join(build, "sluice"), "--version"),
            "nats_server": version("nats-server", "--version"),
            "nginx": version("nginx", "-v")}


class Bench:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.chosen = ["sluice"] + [p for p in options.peers.split(",")
                                    if p and p != "none"]
        unknown = [p for p in self.chosen if p not in peers.PEERS]
        if unknown:
            sys.exit(f"unknown peer {unknown[0]}")

    def once(self, scenario, params, name, syscalls):
        """One measurement: (result, None) or (None, reason)."""
        peer = peers.make(name, self.options.build, self.folder)
        why = peer.why_not(self.options.build)
        if why:
            return None, why
        try:
            scenario.prepare(peer, params)
            peer.start()
            rig = Rig(peer, self.options.scale, syscalls)
            return scenario.run(rig, params), None
        except (children.Failed, OSError) as e:
            return None, str(e).replace("\n", " ")
        finally:
            peer.stop()
            children.stop_all()

    def names(self, scenario):
        extra = [n for n in scenario.peers if n not in scenarios.PEERS]
        return [n for n in self.chosen if n in scenario.peers] + extra

    def case(self, scenario, case, params):
        rows = {n: {"peer": n, "rounds": [], "why": None, "syscalls": None}
                for n in self.names(scenario)}
        main = scenario.columns_of(case)[0]
        for i in range(self.options.rounds):
            for name, row in rows.items():
                begun = time.monotonic()
                result, why = self.once(scenario, params, name, False)
                if result is None:
                    row["why"] = why
                    outcome = why[:200]
                else:
                    row["rounds"].append(result)
                    outcome = (f"{results.COLUMNS[main][0]} "
                               f"{result.get(main, 0):,.3f}")
                print(f"{scenario.name} {case} round {i + 1} {name}: {outcome} "
                      f"[{time.monotonic() - begun:.1f} s]", flush=True)
        if self.options.syscalls:
            for name, row in rows.items():
                result, _ = self.once(scenario, params, name, True)
                row["syscalls"] = result and result.get("syscalls")
        for row in rows.values():
            row["summary"] = results.summary(row["rounds"])
        return list(rows.values())

    def run(self):
        found = {"machine": describe(self.options.build),
                 "rounds": self.options.rounds, "scale": self.options.scale,
                 "command": " ".join(sys.argv[1:]), "results": {}}
        for scenario, cases in wanted(self.options.scenarios):
            of = found["results"].setdefault(scenario.name, {})
            for case, params in cases.items():
                of[case] = self.case(scenario, case, params)
                write(self.options.out, found)
        return found


def write(folder, document):
    with open(os.path.join(folder, "results.json"), "w",
              encoding="utf-8") as f:
        json.dump(document, f)
    text = results.markdown(document, scenarios.ALL)
    with open(os.path.join(folder, "results.md"), "w", encoding="utf-8") as f:
        f.write(text)
    return text


def raise_descriptors():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def on_signal(number, _frame):
    sys.exit(128 + number)


def main():
    options = arguments()
    if options.list:
        print_cases()
        return 0
    if options.out is None:
        options.out = os.path.join(options.build, "results")
    options.out = os.path.abspath(options.out)
    options.build = os.path.abspath(options.build)
    os.makedirs(options.out, exist_ok=True)
    raise_descriptors()
    if "node" in options.peers.split(",") and not options.no_install:
        peers.Node.install(options.build)
    signal.signal(signal.SIGTERM, on_signal)
    folder = tempfile.mkdtemp(prefix="sluice-bench-")
    try:
        document = Bench(options, folder).run()
        print()
        print(write(options.out, document))
        for name in plots.draw(options.out, document, scenarios.ALL):
            print(os.path.join(options.out, name))
    except KeyboardInterrupt:
        return 130
    finally:
        children.stop_all()
        shutil.rmtree(folder, ignore_errors=True)
    failed = [r for cases in document["results"].values()
              for rows in cases.values() for r in rows
              if r["peer"] == "sluice" and not r["rounds"]]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
