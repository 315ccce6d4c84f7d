"""One measurement: a peer that is started for it, and the resources used."""

import os
import time

import sampling
from children import wait_for

# Grace period after the time limit of a tool, in seconds.
SLACK_S = 60
OPEN_S = 180


class Rig:
    def __init__(self, peer, scale, syscalls):
        self.peer = peer
        self.scale = scale
        self.syscalls = syscalls
        self.window = self.trace = None

    def scaled(self, n, least=1):
        return max(least, int(n * self.scale))

    def begin(self):
        groups = self.peer.groups()
        if self.syscalls and "gateway" in groups:
            self.trace = sampling.Syscalls(groups["gateway"],
                                           self.peer.folder)
        self.window = sampling.Window(groups)

    def end(self):
        used = self.window.end()
        if self.trace is not None:
            used["syscalls"] = self.trace.end()
            self.trace = None
        groups = self.peer.groups()
        for name, pids in groups.items():
            used[name + "_peak"] = sampling.peak(pids)
        return used

    def memory(self):
        """(PSS, RSS) in bytes of each group, after a second without load."""
        time.sleep(1)
        return {name: (sampling.pss(pids), sampling.rss(pids))
                for name, pids in self.peer.groups().items()}

    def opened(self, deliver="new", **args):
        """Opens subscriptions. The tool that reads them."""
        reader = self.peer.subscriptions(deliver, open_seconds=OPEN_S, **args)
        reader.wait_word("ready", OPEN_S + SLACK_S)
        return reader

    def read(self, load, **args):
        """Opens subscriptions, publishes, waits until all is read or --seconds are
        over. The results."""
        reader = self.opened(mode="read", **args)
        if load.get("rate"):
            self.split_cores(reader)
        time.sleep(0.3)
        self.begin()
        published = self.peer.publish(**load)
        sent = published.result(args["seconds"] + SLACK_S)
        got = reader.result(args["seconds"] + SLACK_S)
        return {**events(got), "published_per_s": sent["messages_per_s"],
                "publish_errors": sent["errors"],
                **costs(got, sent, self.end())}

    def split_cores(self, reader):
        """Gives the last core to the reader, and the others to the servers. For
        latency: otherwise the kernel lets the reader and the gateway share a core
        in some rounds and not in others."""
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            return
        pin(reader.pid, cores[-1:])
        for pids in self.peer.groups().values():
            for pid in pids:
                pin(pid, cores[:-1])

    def wait_replays(self, api_calls):
        """Waits until the gateway sends no more requests to JetStream."""
        def is_idle():
            before = api_calls()
            time.sleep(0.5)
            return api_calls() == before
        wait_for("JetStream is idle", is_idle)


def pin(pid, cores):
    """Sets the cores of all threads of a process."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(thread), cores)


def events(got):
    """The result of a reader as columns."""
    wrong = sum(got.get(k, 0) for k in
                ("missing", "duplicates", "disordered", "failed", "wrong"))
    flat = {"events": got["events"], "wrong": wrong,
            "ended": got.get("ended", 0), "timed_out": got["timed_out"],
            "gaps": got.get("gaps", 0),
            "events_per_s": got.get("events_per_s", 0),
            "bytes_per_s": got.get("bytes", 0) / got["events_s"]
            if got.get("events_s") else 0,
            "latency_slots": got["latency_ms"]["slots"]}
    for name in ("p50", "p90", "p99", "p99.9", "max"):
        flat["latency_" + name] = got["latency_ms"][name]
    return flat


def percentile(slots, percent):
    """In milliseconds, of [[ns, count]] in order."""
    left = sum(count for _, count in slots) * percent / 100
    for ns, count in slots:
        left -= count
        if left <= 0:
            return ns / 1e6
    return 0


def merged(parts):
    """Adds up the events() of several readers."""
    slots = {}
    for part in parts:
        for ns, count in part["latency_slots"]:
            slots[ns] = slots.get(ns, 0) + count
    slots = sorted(slots.items())
    flat = {k: sum(p[k] for p in parts)
            for k in ("events", "wrong", "ended", "gaps", "events_per_s")}
    flat["timed_out"] = any(p["timed_out"] for p in parts)
    flat["latency_slots"] = slots
    for name, percent in (("p50", 50), ("p99", 99), ("max", 100)):
        flat["latency_" + name] = percentile(slots, percent)
    return flat


def setup(got):
    flat = {"connects_per_s": got["connects_per_s"], "failed": got["failed"],
            "setup_slots": got["setup_ms"]["slots"]}
    for name in ("p50", "p99", "p99.9", "max"):
        flat["setup_" + name] = got["setup_ms"][name]
    return flat


def costs(got, sent, used):
    """CPU and switches for a million events, and all samples."""
    found = dict(used)
    if got["events"] > 0 and "gateway_cpu_s" in used:
        found["cpu_per_million"] = used["gateway_cpu_s"] * 1e6 / got["events"]
        found["switches_per_million"] = (used["gateway_switches"] * 1e6
                                         / got["events"])
    if "nats_cpu_s" in used:
        found["nats_cpu_per_million"] = (used["nats_cpu_s"] * 1e6
                                         / max(1, sent["messages"]))
    return found
