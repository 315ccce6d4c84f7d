"""The man page and the completions, as their readers see them: every option of
--help is in each, mandoc finds nothing, and the shells complete. What is not
installed is skipped.

    pages.py BUILD_ROOT"""

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import tap

WAIT_SECONDS = 20
PROMPT = "ready> "
OPTION = re.compile(r"(?<![\w-])--([a-z][a-z0-9-]*)")

# What is typed (the last word is completed), and all that may be offered.
CASES = [
    ("sluice --log-f", ["--log-format"]),
    ("sluice --drain-", ["--drain-delay", "--drain-timeout"]),
    ("sluice --ping-style ", ["comment", "event", "message"]),
    ("sluice --log-level=", ["debug", "error", "info", "warn"]),
    ("sluice --log-level=de", ["debug"]),
    ("sluice --listen :80 --admin-listen ", ["off"]),
    ("sluice --context t", ["test", "tiny"]),
    ("sluice --creds se", ["seed.creds"]),
    ("sluice --retry ", []),
]


class World:
    """A folder with contexts and a file, and nothing of the user's."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="pages-")
        contexts = os.path.join(self.path, "nats", "context")
        os.makedirs(contexts)
        for name in ("test.json", "tiny.json", "other.json"):
            with open(os.path.join(contexts, name), "w", encoding="utf-8"):
                pass
        with open(os.path.join(self.path, "seed.creds"), "w",
                  encoding="utf-8"):
            pass
        self.env = {"PATH": "/usr/bin:/bin", "HOME": self.path,
                    "XDG_CONFIG_HOME": self.path, "TERM": "dumb",
                    "LC_ALL": "C.UTF-8"}

    def run(self, *argv):
        return subprocess.run(argv, cwd=self.path, env=self.env, check=False,
                              capture_output=True, text=True, timeout=60)

    def remove(self):
        shutil.rmtree(self.path)


# ---- shells: what each offers -----------------------------------------------

def bash_offers(world, script, typed):
    """By the variables that bash calls a completion with; '=' is a word."""
    words = re.sub("=", " = ", typed).split(" ")
    words = [w for i, w in enumerate(words) if w or i == len(words) - 1]
    quoted = " ".join(f"'{w}'" for w in words)
    said = world.run("bash", "--norc", "-c",
                     f"source '{script}'\nCOMP_WORDS=({quoted})\n"
                     f"COMP_CWORD={len(words) - 1}\n_sluice sluice\n"
                     "printf '%s\\n' \"${COMPREPLY[@]}\"")
    return sorted(said.stdout.split()), said.stderr


def fish_offers(world, script, typed):
    said = world.run("fish", "--no-config", "-c",
                     f"source '{script}'; complete -C '{typed}'")
    lines = [line.split("\t")[0] for line in said.stdout.splitlines()]
    return sorted(line.rpartition("=")[2] for line in lines), said.stderr


def read_until(terminal, *texts):
    got, deadline = "", time.monotonic() + WAIT_SECONDS
    while not any(text in got for text in texts):
        left = deadline - time.monotonic()
        if left < 0 or not select.select([terminal], [], [], left)[0]:
            raise TimeoutError(f"none of {texts!r} in {got!r}")
        got += os.read(terminal, 4096).decode("utf-8", "replace")
    return got


def zsh_offers(world, script, typed):
    """As a person types it: zsh completes on a terminal alone. It shows its
    list and prompts again, or it has none and rings."""
    setup = (f"fpath=('{os.path.dirname(script)}' $fpath)\n"
             "autoload -Uz compinit && compinit -u -D\n"
             "unsetopt LIST_BEEP ALWAYS_LAST_PROMPT\n"
             "bindkey '^X' list-choices\n"
             f"PS1='{PROMPT[:-1]}'' '\n")
    with open(os.path.join(world.path, ".zshrc"), "w", encoding="utf-8") as f:
        f.write(setup)
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(world.path)
        os.execvpe("zsh", ["zsh", "-d", "-i"], world.env)
    try:
        read_until(terminal, PROMPT)
        os.write(terminal, f"{typed}\x18".encode())
        shown = read_until(terminal, PROMPT, "\a")
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)
    lines = shown.partition("\n")[2].rpartition(PROMPT)[0].splitlines()
    return sorted(word for line in lines
                  for word in line.split(" -- ")[0].split()), ""


SHELLS = [("bash", "sluice", bash_offers), ("zsh", "_sluice", zsh_offers),
          ("fish", "sluice.fish", fish_offers)]

# ---- cases ------------------------------------------------------------------


def read(build_root, name):
    with open(os.path.join(build_root, "tools", name), encoding="utf-8") as f:
        return f.read()


def missing(build_root, world, name):
    """Options that --help has and this file has not, and the other way."""
    said = world.run(os.path.join(build_root, "sluice"), "--help").stdout
    want = {o for o in OPTION.findall(said) if f"\n  --{o}" in said}
    text = read(build_root, name).replace("\\-", "-")
    text = re.sub(r"\.It Fl -", "--", text)
    have = set(OPTION.findall(re.sub(r"complete -c sluice -l ", "--", text)))
    if not want:
        return ["--help has no options"]
    return [f"{name}: no --{o}" for o in sorted(want - have)]


def check_man(build_root, world):
    said = world.run("mandoc", "-Tlint", "-Wall",
                     os.path.join(build_root, "tools", "sluice.1"))
    return said.stdout.splitlines() + said.stderr.splitlines()


def check_shell(build_root, world, script, offers):
    path = os.path.join(build_root, "tools", script)
    problems = []
    for typed, want in CASES:
        have, said = offers(world, path, typed)
        if have != want or said:
            problems.append(f"{typed!r} offers {have}, not {want}: {said}")
    return problems


def main(build_root):
    out, world = tap.Tap(), World()
    try:
        for name in ["sluice.1"] + [script for _, script, _ in SHELLS]:
            out.case(f"{name} has all options",
                     missing(build_root, world, name))
        if shutil.which("mandoc"):
            out.case("mandoc -Tlint", check_man(build_root, world))
        else:
            out.skip("mandoc -Tlint", "no mandoc")
        for shell, script, offers in SHELLS:
            if shutil.which(shell):
                out.case(f"completion in {shell}",
                         check_shell(build_root, world, script, offers))
            else:
                out.skip(f"completion in {shell}", f"no {shell}")
    finally:
        world.remove()
    return out.end()


if __name__ == "__main__":
    sys.exit(main(os.path.realpath(sys.argv[1])))
