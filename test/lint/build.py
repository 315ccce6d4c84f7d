"""Rules that need the build: its compile commands, a compiler, clang-format."""

import concurrent.futures
import functools
import json
import os
import re
import shlex
import shutil
import subprocess

import tree

# Its output differs between major versions; this one is Debian 12's.
CLANG_FORMAT_MAJOR = 14
FORMAT_CHUNKS = 8


def commands(build):
    """Maps each compiled file's real path to its command."""
    with open(os.path.join(build, "compile_commands.json"),
              encoding="utf-8") as f:
        entries = json.load(f)
    return {os.path.realpath(os.path.join(e["directory"], e["file"])): e
            for e in entries}


def check_registered(root, compiled):
    """Every .c file is part of the build: what is not built rots."""
    return [f"{path}: no target of the build compiles it"
            for path in tree.files(root, ".c")
            if os.path.realpath(os.path.join(root, path)) not in compiled]


def _neighbour(root, header, compiled):
    """A command to borrow flags from: of a file that includes the header, has
    its name, or else stands beside it."""
    include = re.compile(r'#\s*include\s*["<](?:[^">]*/)?'
                         + re.escape(os.path.basename(header)) + '[">]')
    folder = os.path.realpath(os.path.join(root, os.path.dirname(header)))
    own = os.path.basename(header).removesuffix(".h") + ".c"
    mine = [p for p in sorted(compiled) if os.path.exists(p)]
    near = ([p for p in mine if include.search(_text(p))]
            or [p for p in mine if p == os.path.join(folder, own)]
            or [p for p in mine if os.path.dirname(p) == folder])
    return compiled[near[0]] if near else None


@functools.lru_cache(maxsize=None)
def _text(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def _alone(command, header):
    """The command, made to check one header only."""
    kept, words = [], iter(shlex.split(command))
    for word in words:
        if word in ("-o", "-MF", "-MQ", "-MT"):
            next(words)
        elif word not in ("-c", "-MD") and not word.endswith((".c", ".o")):
            kept.append(word)
    return kept + ["-fsyntax-only", "-Wno-pragma-once-outside-header",
                   "-x", "c", header]


def in_parallel(check, items):
    """The results of check(item), in order; as many at once as processors."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(check, items))


def check_header(root, header, compiled):
    """It compiles with nothing before it."""
    entry = _neighbour(root, header, compiled)
    if entry is None:
        return [f"{header}: no compiled file includes it"]
    argv = _alone(entry["command"],
                  os.path.realpath(os.path.join(root, header)))
    done = subprocess.run(argv, cwd=entry["directory"], check=False,
                          capture_output=True, text=True)
    if done.returncode == 0:
        return []
    return [header] + done.stderr.strip().split("\n")[:12]


def check_header_in_cxx(root, header, compiler):
    """A header for other programs: they may be of C++."""
    done = subprocess.run(
        [compiler, "-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
         "-fsyntax-only", "-x", "c++", header],
        cwd=root, check=False, capture_output=True, text=True)
    if done.returncode == 0:
        return []
    return [header] + done.stderr.strip().split("\n")[:12]


def clang_format():
    """(program, None), or (None, why not)."""
    for name in (f"clang-format-{CLANG_FORMAT_MAJOR}", "clang-format"):
        program = shutil.which(name)
        if program is None:
            continue
        said = subprocess.run([program, "--version"], check=True,
                              capture_output=True, text=True).stdout
        major = re.search(r"version (\d+)", said)
        if major and int(major.group(1)) == CLANG_FORMAT_MAJOR:
            return program, None
        return None, (f"clang-format is {major.group(1) if major else said}, "
                      f"not {CLANG_FORMAT_MAJOR}")
    return None, f"no clang-format {CLANG_FORMAT_MAJOR}"


def check_format(root, program):
    """Many files a process: to start one costs more than to format a file."""
    files = tree.files(root, ".c", ".h")

    def complaints(start):
        done = subprocess.run(
            [program, "--dry-run", "--Werror"] + files[start::FORMAT_CHUNKS],
            cwd=root, check=False, capture_output=True, text=True)
        return [line for line in done.stderr.split("\n") if ": error: " in line]

    first = {}
    for lines in in_parallel(complaints, range(min(FORMAT_CHUNKS, len(files)))):
        for line in lines:
            first.setdefault(line.split(":")[0], line)
    return [f"{path}: clang-format -i it ({line})"
            for path, line in sorted(first.items())]
