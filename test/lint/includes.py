"""Who may include whom.

Every file of src/ has a rank, and includes only files of lower ranks: so there
are no circles, and each room can be read and tested without those above it.
The libraries are kept behind one file each.
"""

import os
import re

import tree

# Below all the others: contracts are for every file, and so are the wrong rules
# that the simulation breaks them with.
RANKS = {
    "check": -1, "mutation": -1,
    "list": 0, "buf": 0, "nkey": 0, "logging": 0, "subject": 0, "refusal": 0,
    "ending": 0, "buckets": 0, "patience": 0, "backoff": 0, "put": 0, "json_line": 0,
    "roll": 0, "due": 0, "stream_list": 1,
    "js_time": 0, "http_date": 0.5, "values": 0, "address": 0, "reference": 0.5,
    "cors": 0, "tally": 0.5, "proxy_preface": 0.5,
    "jwt_key": 0.5, "jwt_keys": 1,
    "jwt": 1.5, "token": 1.7,
    "options": 1, "context": 1, "http_head": 1, "identity": 1, "sse": 1,
    "metrics": 1, "js_wire": 1,
    "options_table": 1.5, "options_input": 1.5, "options_text": 1.5,
    "http_reply": 1.5, "ndjson": 1.5, "ui_source": 0, "ui": 1.6, "route": 1.5,
    "route_inside": 1.6, "route_streams": 1.7, "route_script": 1.7,
    "forwarded": 1.5,
    "source": 2, "settings": 2, "http_parser": 2,
    "log": 3,
    "cursor": 4,
    "turns": 4, "leader": 4, "replay_queue": 4.5, "tail": 5,
    "tail_inside": 5.1, "tail_stream": 5.2, "tail_match": 5.2,
    "tail_hole": 5.2, "replay": 5,
    "hub": 6, "hub_inside": 6.5, "hub_place": 6.6, "hub_write": 6.6, "hub_lines": 6.6,
    "log_file": 7.1, "process": 7, "handles": 7, "mailbox": 7,
    "poller": 7, "key_file": 7, "nats_note": 7, "nats_servers": 7,
    "nats_letter": 7.2, "nats_options": 7.2, "nats_reason": 7.2, "nats_dial": 7.3,
    "nats_session": 7.4, "nats_worker": 7.6,
    "listener": 8, "healthcheck": 8,
    "inherited": 8, "notify": 8, "conn": 8, "conn_inside": 8.5, "conn_write": 8.6,
    "conn_serve": 8.6, "conn_peer": 8.6, "conn_limits": 8.6,
    "conn_token": 8.6,
    "conn_note": 8.6, "conn_cors": 8.6, "conn_admin": 8.6, "conn_look": 8.6,
    "nats_source": 8,
    "sluice": 8,
    "gateway": 9, "gateway_inside": 9.5, "gateway_nats": 9.6, "gateway_turn": 9.6,
    "gateway_keys": 9.6, "gateway_logs": 9.6,
    "main": 10,
}

# Which files below src/ may include a library's header.
LIBRARIES = {
    "llhttp.h": ("core/http_parser.c",),
    "nats.h": ("io/nats_options.c", "io/nats_dial.c", "io/nats_session.c"),
    "jansson.h": ("core/js_wire.c", "core/context.c", "core/jwt_keys.c",
                  "core/jwt.c"),
    "openssl/": ("core/jwt_key.c",),
    "uv.h": ("io/*", "gateway.c", "gateway_inside.h", "gateway_turn.c", "main.c"),
    "pthread.h": ("io/*",),
    "threads.h": ("io/*",),
    "sys/socket.h": ("io/*", "main.c"),
    "time.h": ("io/*", "core/logging.c", "main.c"),
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def _stem(path):
    return os.path.splitext(os.path.basename(path))[0]


def _allowed(place, patterns):
    return any(place == p or (p.endswith("/*") and place.startswith(p[:-1]))
               for p in patterns)


def _quoted_problem(path, header):
    stem, other = _stem(path), _stem(header)
    if other in (stem, "version", stem + "_inside"):
        return None  # its own header, what its room shares inside
    if other not in RANKS:
        return f"{path}: includes \"{header}\", which has no rank"
    if stem in RANKS and RANKS[other] >= RANKS[stem]:
        return (f"{path} (rank {RANKS[stem]}) includes \"{header}\" "
                f"(rank {RANKS[other]})")
    return None


def _system_problem(path, header):
    place = os.path.relpath(path, "src")
    for library, patterns in LIBRARIES.items():
        mine = header == library or header.endswith("/" + library)
        if mine and "/" not in library and header.startswith("sys/"):
            mine = False
        if library.endswith("/"):
            mine = header.startswith(library)
        if mine and not _allowed(place, patterns):
            return (f"{path}: includes <{header}>, which only "
                    f"{', '.join(patterns)} may")
    return None


def _includes(root, folder):
    for path in tree.files(os.path.join(root, folder), ".c", ".h"):
        path = os.path.join(folder, path)
        for kind, header in INCLUDE.findall(tree.read(root, path) or ""):
            yield path, kind, header


def check_ranks(root):
    problems = []
    for path in tree.files(os.path.join(root, "src"), ".c", ".h"):
        if _stem(path) not in RANKS:
            problems.append(f"src/{path}: has no rank")
    for path, kind, header in _includes(root, "src"):
        if kind == '"':
            problems.append(_quoted_problem(path, header))
    return [p for p in problems if p]


def check_libraries(root):
    problems = [_system_problem(path, header)
                for path, kind, header in _includes(root, "src")
                if kind == "<"]
    return [p for p in problems if p]
