"""Programs that the benchmark starts. They end with it."""

import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import time

PR_SET_PDEATHSIG = 1
TIMEOUT_S = 30

_running = []
_libc = ctypes.CDLL(None, use_errno=True)


class Failed(Exception):
    """A measurement failed. The others continue."""


def _end_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, check, seconds=TIMEOUT_S):
    """Waits until check() returns a true value, and returns it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = check()
        if found:
            return found
        time.sleep(0.02)
    raise Failed(f"{what}: not within {seconds} s")


def accepts(port):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(("127.0.0.1", port)) == 0


class Child:
    """A program with its output in a file; with `talks` its input and output are
    pipes."""

    def __init__(self, name, argv, folder, talks=False):
        self.name = name
        self.log = os.path.join(folder, name + ".log")
        self.talks = talks
        with open(self.log, "ab") as log:
            self.log_start = log.tell()
            self.process = subprocess.Popen(
                argv, cwd=folder, preexec_fn=_end_with_parent,
                stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
                stdout=subprocess.PIPE if talks else log, stderr=log)
        _running.append(self)

    @property
    def pid(self):
        return self.process.pid

    def pids(self):
        """Of the process and its children (the workers of nginx)."""
        path = f"/proc/{self.pid}/task/{self.pid}/children"
        with open(path, encoding="ascii") as f:
            return [self.pid] + [int(p) for p in f.read().split()]

    def text(self):
        """The log since this start."""
        with open(self.log, encoding="utf-8", errors="replace") as f:
            f.seek(self.log_start)
            return f.read()

    def ended(self):
        return self.process.poll() is not None

    def check_runs(self):
        if self.ended():
            raise Failed(f"{self.name} ended: {self.text()[-500:]}")

    def write_line(self, word):
        try:
            self.process.stdin.write(word.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # the program has ended: wait_word() or wait() reports it

    def wait_word(self, word, seconds=TIMEOUT_S):
        """Waits for a line of the output that is this word."""
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            out = self.process.stdout
            if left < 0 or not select.select([out], [], [], left)[0]:
                raise Failed(f"{self.name}: no '{word}' within {seconds} s")
            line = self._line()
            if line == word:
                return
            if line is None:
                raise Failed(f"{self.name} ended before '{word}': "
                             f"{self.text()[-500:]}")

    def _line(self):
        """Reads unbuffered: select() would not see buffered bytes."""
        line = b""
        while not line.endswith(b"\n"):
            byte = os.read(self.process.stdout.fileno(), 1)
            if not byte:
                return None
            line += byte
        return line.decode().strip()

    def wait(self, seconds):
        try:
            # Its input stays open: the program ends at the end of its input.
            # Its remaining output fits into the pipe.
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.stop()
            raise Failed(f"{self.name}: not done within {seconds} s") from None

    def stop(self, sig=signal.SIGTERM):
        if not self.ended():
            self.process.send_signal(sig)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None and not pipe.closed:
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass  # the program ended without reading its input
        if self in _running:
            _running.remove(self)


def stop_all():
    for child in list(reversed(_running)):
        child.stop()


class Tool(Child):
    """A program of this folder: its result is a JSON file."""

    _count = 0

    def __init__(self, build, program, args, folder):
        Tool._count += 1
        name = f"{program}-{Tool._count}"
        self.path = os.path.join(folder, name + ".json")
        argv = [os.path.join(build, "test/bench", program)]
        for key, value in args.items():
            option = "--" + key.replace("_", "-")
            if value is True:
                argv.append(option)
            elif isinstance(value, list):
                for v in value:
                    argv += [option, v]
            elif value is not None and value is not False:
                argv += [option, str(value)]
        super().__init__(name, argv + ["--json", self.path], folder, True)

    def result(self, seconds):
        status = self.wait(seconds)
        self.stop()
        try:
            with open(self.path, encoding="utf-8") as f:
                return json.load(f)
        except (OSError, ValueError):
            raise Failed(f"{self.name}: status {status}: "
                         f"{self.text()[-500:]}") from None
