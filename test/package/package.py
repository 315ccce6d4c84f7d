"""Builds the Debian packages of the tree, and looks into them.

	package.py ROOT         TAP on standard output

They are not installed: they are taken apart below a folder, and the program, the
library and its headers are tried from there.
"""

import glob
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lint"))

# pylint: disable=wrong-import-position
from tap import Tap

# Where each thing is, of patterns that name exactly one file; the units lie in
# /lib where Debian's debhelper looks there.
FILES = {
    "sluice-gateway": [
        r"usr/bin/sluice-gateway",
        r"etc/default/sluice-gateway",
        r"usr/share/man/man1/sluice-gateway\.1\.gz",
        r"usr/share/bash-completion/completions/sluice-gateway",
        r"usr/share/zsh/vendor-completions/_sluice-gateway",
        r"usr/share/fish/vendor_completions\.d/sluice-gateway\.fish",
        r"(usr/)?lib/systemd/system/sluice-gateway\.service",
        r"(usr/)?lib/systemd/system/sluice-gateway\.socket",
        r"usr/share/doc/sluice-gateway/README\.md\.gz",
        r"usr/share/doc/sluice-gateway/docs/operations\.md\.gz",
        r"usr/share/doc/sluice-gateway/docs/security\.md\.gz",
        r"usr/share/doc/sluice-gateway/examples/monitoring/alerts\.yml",
    ],
    "libsluice0": [
        r"usr/lib/[^/]+/libsluice\.so\.0",
        r"usr/lib/[^/]+/libsluice\.so\.\d+\.\d+\.\d+",
    ],
    "libsluice-dev": [
        r"usr/include/sluice\.h",
        r"usr/lib/[^/]+/libsluice\.so",
        r"usr/lib/[^/]+/pkgconfig/sluice\.pc",
    ],
}
# Folders that are one package's alone.
ALONE = {
    "usr/bin/": "sluice-gateway",
    "usr/share/man/": "sluice-gateway",
    "lib/systemd/": "sluice-gateway",
    "usr/lib/systemd/": "sluice-gateway",
    "usr/include/": "libsluice-dev",
}
# What the maintainer scripts do: what runs is restarted by an upgrade and stopped
# before its program goes, and only what was enabled is enabled again.
SCRIPTS = {
    "postinst": [r"deb-systemd-invoke \$_dh_action .*sluice-gateway\.service",
                 r"if deb-systemd-helper debian-installed 'sluice-gateway\.service'"],
    "prerm": [r"deb-systemd-invoke stop .*sluice-gateway\.service"],
}


def environment():
    """What is set for the suites is not for a build, and not for a gateway."""
    return {k: v for k, v in os.environ.items()
            if not k.startswith(("SLUICE_", "NATS_", "MALLOC_"))
            and not k.endswith("SAN_OPTIONS")}


def run(argv, env=None):
    """Its exit status and what it said."""
    done = subprocess.run(argv, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=env or environment(),
                          check=False)
    return done.returncode, done.stdout.decode(errors="replace")


def problems_of(argv, holds=(), env=None):
    """What it should have said and has not; all it said, when it fails."""
    status, said = run(argv, env)
    if status != 0:
        return [f"{argv[0]}: exit status {status}", *said.splitlines()[-40:]]
    return [f"{argv[0]} does not say {text!r}: {said!r}"
            for text in holds if text not in said]


def listed(package):
    """The files in it, without the folders."""
    _, said = run(["dpkg-deb", "-c", package])
    names = []
    for line in said.splitlines():
        name = line.split(None, 5)[5].split(" -> ")[0]
        if not name.endswith("/"):
            names.append(name[2:])
    return names


def missing_files(name, files):
    found = []
    for pattern in FILES[name]:
        n = sum(re.fullmatch(pattern, f) is not None for f in files)
        if n != 1:
            found.append(f"{name} has {n} files {pattern}")
    for folder, owner in ALONE.items():
        found += [f"{name} has {f}, which is {owner}'s" for f in files
                  if owner != name and f.startswith(folder)]
    return found


def script_problems(package, folder):
    run(["dpkg-deb", "-e", package, folder])
    found = []
    for name, patterns in SCRIPTS.items():
        try:
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                text = f.read()
        except OSError:
            text = ""
        found += [f"{name} has no {p}: {text!r}" for p in patterns
                  if not re.search(p, text)]
    return found


def unit_problems(root):
    """The units name a program that is there."""
    units = glob.glob(f"{root}/lib/systemd/system/sluice-gateway.*") + glob.glob(
        f"{root}/usr/lib/systemd/system/sluice-gateway.*")
    found = [] if len(units) == 2 else [f"units: {units}"]
    for unit in units:
        with open(unit, encoding="utf-8") as f:
            for program in re.findall(r"^ExecStart=(\S+)", f.read(), re.M):
                if not os.access(root + program, os.X_OK):
                    found.append(f"{unit}: no {program}")
    return found + verify_problems(units)


def symbols_problems(package, folder):
    run(["dpkg-deb", "-e", package, folder])
    try:
        with open(os.path.join(folder, "symbols"), encoding="utf-8") as f:
            text = f.read()
    except OSError as e:
        return [str(e)]
    return [] if " sluice_start@Base " in text else text.splitlines()


def verify_problems(units):
    """systemd knows all that they say, of a program that is on this machine."""
    with tempfile.TemporaryDirectory(prefix="sluice-units-") as folder:
        copies = []
        for unit in units:
            with open(unit, encoding="utf-8") as f:
                text = re.sub(r"^ExecStart=.*", "ExecStart=/bin/true", f.read(),
                              flags=re.M)
            copies.append(os.path.join(folder, os.path.basename(unit)))
            with open(copies[-1], "w", encoding="utf-8") as f:
                f.write(text)
        status, said = run(["systemd-analyze", "verify", "--man=no", *copies])
    return said.splitlines() or ([] if status == 0 else [f"status {status}"])


def field_problems(packages):
    """Fields of their control files that Debian's policy asks for."""
    found = []
    _, needed = run(["dpkg-query", "-W", "-f", "${db:Status-Status}",
                     "libllhttp-dev"])
    for name in ("sluice-gateway", "libsluice0"):
        _, field = run(["dpkg-deb", "-f", packages[name], "Static-Built-Using"])
        if (needed != "installed") != bool(re.match(r"\S+ \(= ", field)):
            found.append(f"{name}: Static-Built-Using: {field!r}")
    _, said = run(["dpkg-deb", "-f", packages["sluice-gateway"]])
    if "Conflicts:" in said:
        found.append(said)
    return found


def embed_problems(tree, root):
    """Builds and runs another program with the package's headers and library."""
    env = environment()
    pkgconfig = glob.glob(f"{root}/usr/lib/*/pkgconfig")[0]
    libraries = os.path.dirname(pkgconfig)
    env["PKG_CONFIG_PATH"] = pkgconfig
    status, flags = run(["pkg-config", "--define-variable=prefix="
                         f"{root}/usr", "--cflags", "--libs", "sluice"], env)
    if status != 0:
        return [f"pkg-config: {flags}"]
    program = os.path.join(root, "embed")
    found = problems_of(["cc", "-o", program,
                         os.path.join(tree, "examples", "embed.c"),
                         *flags.split()], env=env)
    if found:
        return found
    env["LD_LIBRARY_PATH"] = libraries
    _, said = run(["ldd", program], env)
    return [] if f"{libraries}/libsluice.so.0" in said else said.splitlines()


def version_of(tree):
    with open(os.path.join(tree, "meson.build"), encoding="utf-8") as f:
        return re.search(r"version: '([^']+)'", f.read()).group(1)


def look_into(tap, tree, packages, work):
    root = os.path.join(work, "root")
    for name, path in packages.items():
        tap.case(f"{name} has what it should",
                 missing_files(name, listed(path)))
        run(["dpkg-deb", "-x", path, root])
    tap.case("systemd is told of the units", script_problems(
        packages["sluice-gateway"], os.path.join(work, "control")))
    tap.case("the units name the program", unit_problems(root))
    tap.case("what is compiled in is named, and nothing conflicts",
             field_problems(packages))
    tap.case("the library has a file of its symbols", symbols_problems(
        packages["libsluice0"], os.path.join(work, "library")))
    program = f"{root}/usr/bin/sluice-gateway"
    tap.case("the program says its version", problems_of(
        [program, "--version"], [version_of(tree)]))
    tap.case("the program says its name", problems_of(
        [program, "--help"], ["Usage: sluice-gateway [OPTION]"]))
    tap.case("the program checks its options", problems_of(
        [program, "--check-config", "--listen", "127.0.0.1:0", "--server",
         "nats://127.0.0.1:4222"], ["listen = 127.0.0.1:0  (flag)"]))
    tap.case("a program is built on the library", embed_problems(tree, root))


def main():
    tree = os.path.abspath(sys.argv[1])
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="sluice-package-") as work:
        out = os.path.join(work, "out")
        tap.case("build.sh makes them, and lintian finds no error", problems_of(
            [os.path.join(tree, "examples", "debian", "build.sh"),
             "--no-install", out]))
        packages = {}
        for name in FILES:
            found = glob.glob(f"{out}/{name}_*.deb")
            tap.case(f"{name} is made", [] if len(found) == 1 else [str(found)])
            packages[name] = found[0] if found else None
        if all(packages.values()):
            look_into(tap, tree, packages, work)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
