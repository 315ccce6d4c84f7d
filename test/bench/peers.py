"""The servers that are compared. Each measurement gets fresh ones.

A peer has a gateway (process group `gateway`), and most peers have a nats-server
behind it (process group `nats`). `subscription_args()` are the options of ssebench
for subscriptions to the peer, `publish()` starts the publisher for it.
"""

import os
import re
import shutil
import subprocess

from children import Child, Failed, Tool, accepts, free_port, wait_for
from nats_api import NatsApi

HERE = os.path.dirname(os.path.abspath(__file__))

NATS_CONFIG = """
host: 127.0.0.1
port: {port}
max_payload: 4MB
max_pending: 512MB
jetstream {{ store_dir: "{folder}/jetstream" }}
"""

NGINX_CONFIG = """
daemon off;
{user}
worker_processes 1;
worker_rlimit_nofile {files};
pid nginx.pid;
error_log nginx.error warn;
load_module {module};
events {{ worker_connections {files}; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    scgi_temp_path scgi;
    uwsgi_temp_path uwsgi;
    client_max_body_size 4m;
    client_body_buffer_size 512k;
    keepalive_requests 1000000000;
    nchan_shared_memory_size 4g;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location = /healthz {{ default_type text/plain; return 200 "ok\\n"; }}
        location = /rejection {{
            default_type text/plain;
            return 400 "user_id: missing\\n";
        }}
        location ~ ^/pub/(.+)$ {{
            nchan_publisher;
            nchan_channel_id $1;
            nchan_message_buffer_length 1000000;
            nchan_message_timeout 10m;
        }}
        location ~ ^/sub/(.+)$ {{
            nchan_subscriber eventsource;
            nchan_channel_id $1;
            nchan_subscriber_first_message newest;
            nchan_eventsource_ping_interval 30;
        }}
        location ~ ^/all/(.+)$ {{
            nchan_subscriber eventsource;
            nchan_channel_id $1;
            nchan_subscriber_first_message oldest;
            nchan_eventsource_ping_interval 30;
        }}
    }}
}}
"""


class Peer:
    """The common part."""

    name = None
    # Size of a flood that takes some seconds, as a fraction of the full size.
    share = 0.1
    # Subjects of the stream. The gateway follows all of them, so that the server
    # need not filter.
    subjects = ("events.*",)
    # Additions to the URL of a subscription and to the publisher's options, set by
    # the scenario.
    query = ""
    publisher = {}
    # Paths of a plain response and of a rejected request, for wrk.
    plain = {}
    # Headers with the identity, unless the path has it.
    headers = ["user_id: {id}"]

    def __init__(self, build, folder):
        self.build = build
        self.folder = os.path.join(folder, self.name)
        self.nats = self.api = self.child = None
        self.nats_port = self.port = 0

    @classmethod
    def why_not(cls, _build):
        """Reason why the peer cannot run on this machine, or None."""
        return None

    def start(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.start_nats()
        self.start_gateway()

    def start_nats(self):
        self.nats_port = free_port()
        config = os.path.join(self.folder, "nats.conf")
        with open(config, "w", encoding="utf-8") as f:
            f.write(NATS_CONFIG.format(port=self.nats_port,
                                       folder=self.folder))
        self.nats = Child("nats-server", ["nats-server", "-c", config],
                          self.folder)
        wait_for("nats-server", lambda: accepts(self.nats_port))
        self.api = NatsApi(self.nats_port)
        self.api.api("STREAM.CREATE.Events", {
            "name": "Events", "subjects": list(self.subjects),
            "storage": "memory"})

    def start_gateway(self):
        raise NotImplementedError

    def stop_gateway(self):
        if self.child is not None:
            self.child.stop()
            self.child = None

    def stop(self):
        self.stop_gateway()
        if self.api is not None:
            self.api.close()
            self.nats.stop()
        self.api = self.nats = None

    def groups(self):
        found = {"gateway": self.child.pids()}
        if self.nats is not None:
            found["nats"] = [self.nats.pid]
        return found

    def nats_url(self):
        return f"nats://127.0.0.1:{self.nats_port}"

    def base(self):
        return f"http://127.0.0.1:{self.port}"

    def subscription_args(self, deliver="new"):
        return {"url": f"{self.base()}/api/v1/events?deliver={deliver}"
                       f"{self.query}",
                "header": self.headers + ["Accept: text/event-stream"]}

    def subscriptions(self, deliver="new", **args):
        return Tool(self.build, "ssebench",
                    {**self.subscription_args(deliver), **args}, self.folder)

    publish_path = "/api/v1/events"

    def publish_url(self, _id):
        """Of messages published by HTTP."""
        return self.base() + self.publish_path

    def service(self, subject, seconds):
        """A service that answers each message."""
        return Tool(self.build, "natssub",
                    {"server": self.nats_url(), "subject": subject,
                     "events": 1_000_000_000, "seconds": seconds,
                     "answer": True}, self.folder)

    def publish(self, **args):
        args.setdefault("ack_every", 1 if args.get("rate") else 16)
        return Tool(self.build, "natsbench",
                    {"server": self.nats_url(), **self.publisher, **args},
                    self.folder)


class Sluice(Peer):
    name = "sluice"
    share = 1
    plain = {"healthz": "/healthz", "rejection": "/api/v1/events"}
    # Additional options for the gateway, set by the scenario.
    options = ()

    def start_gateway(self):
        self.port = self.start_one("gateway")

    def start_one(self, name):
        """Several gateways may follow one stream; `child` is the last started."""
        self.child = Child(name, [
            os.path.join(self.build, "sluice"), "--listen", "127.0.0.1:0",
            "--admin-listen", "off", "--access-log", "off",
            "--drain-delay", "0", "--drain-timeout", "0",
            "--server", self.nats_url(), *self.options], self.folder)
        port = int(wait_for("sluice listens", self._listening))
        wait_for("sluice follows the stream",
                 lambda: "tail is live" in self.child.text())
        return port

    def _listening(self):
        self.child.check_runs()
        found = re.search(r"msg=listening address=127.0.0.1:(\d+)",
                          self.child.text())
        return found and found.group(1)


class Nchan(Peer):
    """nginx with nchan: published to by HTTP POST, without JetStream."""

    name = "nchan"
    plain = {"healthz": "/healthz", "rejection": "/rejection"}

    @staticmethod
    def module():
        """Path of the library, below the prefix that nginx was built with."""
        version = subprocess.run(["nginx", "-V"], capture_output=True,
                                 text=True, check=False).stderr
        folder = re.search(r"--modules-path=(\S+)", version)
        return os.path.join(folder.group(1) if folder else "",
                            "ngx_nchan_module.so")

    @classmethod
    def why_not(cls, _build):
        if shutil.which("nginx") is None:
            return "nginx is missing"
        if not os.path.exists(cls.module()):
            return "nchan is missing: install libnginx-mod-nchan"
        return None

    def start_nats(self):
        pass

    def start_gateway(self):
        self.port = free_port()
        config = os.path.join(self.folder, "nginx.conf")
        user = "user root;" if os.geteuid() == 0 else ""
        with open(config, "w", encoding="utf-8") as f:
            f.write(NGINX_CONFIG.format(port=self.port, files=20000,
                                        module=self.module(), user=user))
        self.child = Child("nginx", ["nginx", "-p", self.folder, "-c", config],
                           self.folder)
        wait_for("nginx", self._listening)

    def _listening(self):
        """Wait for the worker too: the master listens before it has started one."""
        self.child.check_runs()
        return len(self.child.pids()) > 1 and accepts(self.port)

    def subscription_args(self, deliver="new"):
        path = "all" if deliver == "all" else "sub"
        return {"url": f"{self.base()}/{path}/{{id}}",
                "header": ["Accept: text/event-stream"]}

    def publish_url(self, id_):
        return f"{self.base()}/pub/{id_}"

    def publish(self, **args):
        args.pop("ack_every", None)
        return Tool(self.build, "httpbench",
                    {"url": f"{self.base()}/pub/{{id}}",
                     "header": ["Content-Type: text/plain"], **args},
                    self.folder)


class Poc(Peer):
    """The obvious design, with nats.c: an ephemeral consumer for each client."""

    name = "poc"

    def start_gateway(self):
        self.port = free_port()
        self.child = Child("gateway", [
            os.path.join(self.build, "test/bench/poc"), "--port",
            str(self.port), "--server", self.nats_url()], self.folder)
        wait_for("poc", lambda: accepts(self.port))


class Node(Peer):
    """The same with Node and @nats-io/jetstream. It runs from a copy in the build
    folder, where npm installs its packages."""

    name = "node"

    @staticmethod
    def home(build):
        return os.path.join(build, "node")

    @classmethod
    def install(cls, build):
        shutil.copytree(os.path.join(HERE, "peers", "node"), cls.home(build),
                        dirs_exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--no-audit",
                        "--no-fund", "--no-package-lock"],
                       cwd=cls.home(build), check=False)

    @classmethod
    def why_not(cls, build):
        if shutil.which("node") is None:
            return "node is missing"
        if not os.path.isdir(os.path.join(cls.home(build), "node_modules")):
            return "the npm packages are missing"
        return None

    def start_gateway(self):
        self.port = free_port()
        program = os.path.join(self.home(self.build), "gateway.mjs")
        self.child = Child("gateway", ["node", program, str(self.port),
                                       self.nats_url()], self.folder)
        wait_for("node", lambda: accepts(self.port))


class NatsSub(Peer):
    """A plain subscriber of nats.c instead of a gateway, for its latency."""

    name = "nats.c"
    args = {}

    def start_gateway(self):
        pass

    def groups(self):
        return {"nats": [self.nats.pid]}

    def subscriptions(self, deliver="new", subject="events.u0", **args):
        kept = {k: args[k] for k in ("events", "warm_up", "seconds")
                if k in args}
        return Tool(self.build, "natssub",
                    {"server": self.nats_url(), "subject": subject,
                     **kept, **self.args}, self.folder)


class NoReader(NatsSub):
    """Messages are stored and not read."""

    name = "no reader"


class NatsConsumer(NatsSub):
    """The same, by an ordered consumer of the stream."""

    name = "nats.c-consumer"
    args = {"jetstream": True}


PEERS = {p.name: p for p in (Sluice, Nchan, Poc, Node, NatsSub, NatsConsumer,
                             NoReader)}


def make(name, build, folder):
    if name not in PEERS:
        raise Failed(f"unknown peer {name}")
    return PEERS[name](build, folder)
