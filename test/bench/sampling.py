"""Resources that programs use, counted by the kernel."""

import os
import re
import signal
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")


def _read(path):
    with open(path, encoding="ascii", errors="replace") as f:
        return f.read()


def cpu_seconds(pids):
    """User and system time of all threads."""
    total = 0
    for pid in pids:
        fields = _read(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def switches(pids):
    total = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            try:
                text = _read(f"/proc/{pid}/task/{task}/status")
            except FileNotFoundError:
                continue  # the thread ended meanwhile
            total += sum(int(n) for n in re.findall(
                r"voluntary_ctxt_switches:\s+(\d+)", text))
    return total


def _kib(text, name):
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    return int(found.group(1)) * 1024 if found else 0


def rss(pids):
    return sum(_kib(_read(f"/proc/{p}/status"), "VmRSS") for p in pids)


def peak(pids):
    return sum(_kib(_read(f"/proc/{p}/status"), "VmHWM") for p in pids)


def pss(pids):
    """Shared pages are divided among the processes that map them."""
    return sum(_kib(_read(f"/proc/{p}/smaps_rollup"), "Pss") for p in pids)


class Window:
    """CPU time and context switches between two moments."""

    def __init__(self, groups):
        self.groups = groups
        self.begin()

    def _now(self):
        return {name: (cpu_seconds(pids), switches(pids))
                for name, pids in self.groups.items()}

    def begin(self):
        self.then = self._now()
        self.at = time.monotonic()

    def end(self):
        """{"seconds": 1.2, "gateway_cpu_s": ..., "gateway_switches": ...}"""
        used = {"seconds": time.monotonic() - self.at}
        for name, (cpu, switched) in self._now().items():
            used[name + "_cpu_s"] = cpu - self.then[name][0]
            used[name + "_switches"] = switched - self.then[name][1]
        return used


class Syscalls:
    """strace -c on processes. It slows them down: its counts are valid, times of
    the same round are not."""

    def __init__(self, pids, folder):
        self.path = os.path.join(folder, f"strace-{pids[0]}")
        argv = ["strace", "-c", "-f", "-o", self.path]
        for pid in pids:
            argv += ["-p", str(pid)]
        self.process = subprocess.Popen(argv, stderr=subprocess.PIPE)
        for _ in pids:
            self.process.stderr.readline()  # "Process N attached"

    def end(self):
        """{"sendmsg": 1000, ...}, and "total"."""
        self.process.send_signal(signal.SIGINT)
        self.process.communicate()
        counts = {}
        for line in _read(self.path).split("\n"):
            row = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?"
                           r"(\w+)$", line)
            if row and row.group(2) != "total":
                counts[row.group(2)] = int(row.group(1))
        counts["total"] = sum(counts.values())
        return counts


def machine():
    """Description of the machine."""
    cpu = re.search(r"model name\s*:\s*(.*)", _read("/proc/cpuinfo"))
    memory = _kib(_read("/proc/meminfo"), "MemTotal")
    system = re.search(r'PRETTY_NAME="(.*)"', _read("/etc/os-release"))
    return {"cpu": cpu.group(1) if cpu else "unknown",
            "cores": os.cpu_count(),
            "memory_gib": round(memory / 2**30, 1),
            "kernel": os.uname().release,
            "system": system.group(1) if system else "unknown"}
