"""No circle of calls: of the objects of src/ each calls only objects that do not
lead back to it. So every file can be read after those that it calls."""

import json
import os
import re
import subprocess

# "0000 T name": defined for others; "     U name": of another object.
SYMBOL = re.compile(r"(?:[0-9a-f]+|\s+) ([A-Z]) (\S+)$", re.MULTILINE)


def program_objects(build):
    """Those of src/ in the program, and no old ones that lie beside them."""
    with open(os.path.join(build, "compile_commands.json"),
              encoding="utf-8") as f:
        entries = json.load(f)
    return [os.path.join(e["directory"], e["output"]) for e in entries
            if e["output"].startswith("src/")]


def _objects(paths):
    """Maps FOLDER_FILE.c to (names defined, names used)."""
    found = {}
    for path in paths:
        text = subprocess.run(["nm", path], stdout=subprocess.PIPE, check=True,
                              encoding="utf-8", errors="replace").stdout
        symbols = SYMBOL.findall(text)
        found[os.path.basename(path)[:-2]] = (
            {name for kind, name in symbols if kind in "TDBR"},
            {name for kind, name in symbols if kind == "U"})
    return found


def _calls(objects):
    owner = {name: o for o, (defined, _) in objects.items() for name in defined}
    return {o: {owner[name] for name in used
                if owner.get(name, o) != o}
            for o, (_, used) in objects.items()}


def _without_callees(calls):
    """Takes away, again and again, the objects that call none that is left."""
    left = {o: set(callees) for o, callees in calls.items()}
    while True:
        ready = {o for o, callees in left.items() if not callees & set(left)}
        if not ready:
            return left
        left = {o: c - ready for o, c in left.items() if o not in ready}


def _circles(calls):
    """What calls into a circle without being in one is left as well: taken away
    from the other end."""
    left = _without_callees(calls)
    callers = {o: {p for p in left if o in left[p]} for o in left}
    return {o: left[o] & set(inside) for inside in [_without_callees(callers)]
            for o in inside}


def check_calls(paths):
    objects = _objects(paths)
    if not objects:
        return ["no objects of the program"]
    return [f"src/{o}: in a circle of calls with {', '.join(sorted(callees))}"
            for o, callees in sorted(_circles(_calls(objects)).items())]
