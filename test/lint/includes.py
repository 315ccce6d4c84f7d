"""Which file of src/ may include which.

The folders of src/ stand in an order: a folder includes itself and those above
it in the list, so there are no circles, and each folder can be read and tested
without those below it. The libraries are kept behind few files each.
"""

import os
import re

import tree

# upstream and server never meet: what both need stands above them.
FOLDERS = ("base", "nats", "http", "auth", "config", "delivery", "loop",
           "upstream", "server", "gateway")
STRANGERS = {"server": ("upstream",)}

# Which files and folders below src/ may include a library's header.
SHELL = ("loop/*", "upstream/*", "server/*", "gateway/*", "main.c")
LIBRARIES = {
    "llhttp.h": ("http/request_parser.c",),
    "nats.h": ("upstream/*",),
    "jansson.h": ("nats/js_bucket.c", "nats/js_json.c", "nats/js_pub_ack.c",
                  "nats/js_request.c", "nats/js_response.c",
                  "config/nats_context.c", "auth/jwks.c",
                  "auth/jwt.c", "auth/rights_claim.c"),
    "openssl/": ("auth/jwk.c",),
    "curl/curl.h": ("gateway/jwks_fetch.c",),
    "uv.h": SHELL,
    "pthread.h": SHELL,
    "threads.h": SHELL,
    "sys/socket.h": SHELL,
    "time.h": SHELL + ("base/log.c",),
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def _allowed(place, patterns):
    return any(place == p or (p.endswith("/*") and place.startswith(p[:-1]))
               for p in patterns)


def _quoted_problem(path, header):
    """`path` is below src/."""
    if header in ("version.h", "sluice.h"):
        return None
    folder, other = os.path.dirname(path), os.path.dirname(header)
    if other not in FOLDERS:
        return (f"src/{path}: includes \"{header}\"; headers are named from "
                f"src/ (\"base/buf.h\")")
    if folder == "":
        return None  # main.c, above all
    if FOLDERS.index(other) > FOLDERS.index(folder) \
            or other in STRANGERS.get(folder, ()):
        return f"src/{path}: {folder} may not include {other} (\"{header}\")"
    if header.endswith("_internal.h"):
        if folder != other:
            return f"src/{path}: \"{header}\" is of the folder {other} alone"
    return None


def _system_problem(path, header):
    for library, patterns in LIBRARIES.items():
        if library.endswith("/"):
            mine = header.startswith(library)
        else:
            mine = header == library or (
                header.endswith("/" + library)
                and not ("/" not in library and header.startswith("sys/")))
        if mine and not _allowed(path, patterns):
            return (f"src/{path}: includes <{header}>, which only "
                    f"{', '.join(patterns)} may")
    return None


def _includes(root):
    for path in tree.files(os.path.join(root, "src"), ".c", ".h"):
        text = tree.read(root, os.path.join("src", path)) or ""
        for kind, header in INCLUDE.findall(text):
            yield path, kind, header


def check_folders(root):
    """Every file lies in a folder of the list, and includes upwards only."""
    problems = []
    for path in tree.files(os.path.join(root, "src"), ".c", ".h"):
        if os.path.dirname(path) not in FOLDERS and path != "main.c":
            problems.append(f"src/{path}: lies in no folder of the order")
    for path, kind, header in _includes(root):
        if kind == '"':
            problems.append(_quoted_problem(path, header))
    return [p for p in problems if p]


def check_libraries(root):
    problems = [_system_problem(path, header)
                for path, kind, header in _includes(root) if kind == "<"]
    return [p for p in problems if p]


STATIC = re.compile(r"^static\s+(?!inline\b)[^;={}()]*?\b(\w+)\(", re.MULTILINE)


def check_static_names(root):
    """A static function's name says which one it is, in gdb, perf and grep:
    no two files of src/ have the same. Callbacks (on_...) may."""
    seen, problems = {}, []
    for path in tree.files(os.path.join(root, "src"), ".c"):
        text = tree.read(root, os.path.join("src", path)) or ""
        for name in sorted(set(STATIC.findall(text))):
            if name.startswith("on_"):
                continue
            if name in seen:
                problems.append(f"src/{path}: {name}() stands in "
                                f"src/{seen[name]}, too")
            else:
                seen[name] = path
    return problems
