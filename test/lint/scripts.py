"""What tools/packages.sh leaves behind, however it ends.

	scripts.py ROOT         TAP on standard output

The script runs with stubs in place of Debian's tools, and with policy-rc.d in a
folder of the test: nothing of this machine is changed.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time

from tap import Tap

WAIT_S = 30
POLICY = "/usr/sbin/policy-rc.d"
# apt-get says that it runs, and does so until it is ended or told to go on.
STUBS = {
    "apt-get": """touch "$HERE/began"
while [ ! -e "$HERE/go" ]; do sleep 0.05; done
exit "$(cat "$HERE/go")"
""",
    "apt-cache": "exit 0\n",
    "dpkg-query": """[ -e "$HERE/began" ] && echo installed
exit 0
""",
    "systemctl": 'echo "$*" >>"$HERE/disabled"\n',
    "sudo": 'exec "$@"\n',
}


class World:
    """A folder with the stubs, the script and its policy-rc.d."""

    def __init__(self, root, folder):
        self.folder = folder
        self.policy = os.path.join(folder, "policy-rc.d")
        for name, text in STUBS.items():
            self.write(name, "#!/bin/sh\n" + text, 0o755)
        with open(os.path.join(root, "tools", "packages.sh"),
                  encoding="utf-8") as f:
            text = f.read()
        assert text.count(POLICY) == 1
        self.write("packages.sh", text.replace(POLICY, self.policy), 0o755)

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)

    def has(self, name):
        return os.path.exists(os.path.join(self.folder, name))

    def start(self):
        """The script in a process group of its own, once apt-get runs."""
        for name in ("began", "go", "disabled"):
            if self.has(name):
                os.unlink(os.path.join(self.folder, name))

        def default_signals():
            # What a shell finds ignored it cannot trap.
            for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(s, signal.SIG_DFL)

        env = dict(os.environ, HERE=self.folder,
                   PATH=self.folder + ":" + os.environ["PATH"])
        script = subprocess.Popen(  # pylint: disable=consider-using-with
            [os.path.join(self.folder, "packages.sh"), "run"], env=env,
            stderr=subprocess.DEVNULL, start_new_session=True,
            preexec_fn=default_signals)
        self.wait(lambda: self.has("began"))
        return script

    def wait(self, condition):
        end = time.monotonic() + WAIT_S
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError
            time.sleep(0.02)

    def go(self, status):
        self.write("go.new", str(status))
        os.rename(os.path.join(self.folder, "go.new"),
                  os.path.join(self.folder, "go"))

    def allows(self):
        """Whether services may be started."""
        if not os.path.exists(self.policy):
            return True
        return subprocess.run([self.policy], check=False).returncode == 0

    def problems(self, script, status):
        """After the end of the script."""
        found = []
        if script.wait(WAIT_S) != status:
            found.append(f"exit status {script.returncode}, not {status}")
        if os.path.exists(self.policy):
            found.append("policy-rc.d is still there")
        if not self.has("disabled"):
            found.append("nats-server stays enabled")
        return found


def refused(world):
    return ["services may be started"] if world.allows() else []


def interrupted(world, signo):
    """As by Ctrl-C, a hang-up, and a runner that ends the whole group."""
    script = world.start()
    found = refused(world)
    os.killpg(script.pid, signo)
    return found + world.problems(script, 128 + signo)


def ended_alone(world):
    """apt-get comes to its end first: it is not left to run without policy."""
    script = world.start()
    script.terminate()
    found = refused(world)
    world.go(0)
    return found + world.problems(script, 128 + signal.SIGTERM)


def killed(world):
    """Nothing can be removed then; what stays allows services."""
    script = world.start()
    found = refused(world)
    os.killpg(script.pid, signal.SIGKILL)
    script.wait(WAIT_S)
    if not os.path.exists(world.policy):
        found.append("the test proves nothing")
    if not world.allows():
        found.append("services are refused for ever")
    return found


def ends(world, status):
    script = world.start()
    found = refused(world)
    world.go(status)
    return found + world.problems(script, status)


def other_policy(world):
    """A policy that another program made is neither changed nor removed."""
    text = "#!/bin/sh\nexit 104\n"
    world.write("policy-rc.d", text, 0o755)
    script = world.start()
    os.killpg(script.pid, signal.SIGINT)
    script.wait(WAIT_S)
    with open(world.policy, encoding="utf-8") as f:
        return [] if f.read() == text else ["it was changed"]


def main(root):
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="sluice-scripts-") as folder:
        world = World(root, folder)
        tap.case("packages.sh ends", ends(world, 0))
        tap.case("packages.sh fails", ends(world, 100))
        for signo in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            tap.case(f"packages.sh is ended by {signo.name}",
                     interrupted(world, signo))
        tap.case("packages.sh alone is ended", ended_alone(world))
        tap.case("packages.sh is killed", killed(world))
        tap.case("packages.sh after one that was killed", ends(world, 0))
        tap.case("another's policy stays", other_policy(world))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1])))
