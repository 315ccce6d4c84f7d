"""The scenarios. A scenario has cases (sizes). Each case has a row for each peer,
with the columns named here."""

import json
import os
import subprocess
import time

import sampling
from rig import SLACK_S, costs, events, merged, setup

# Allowed in --peers.
PEERS = ("sluice", "nchan", "poc", "node")
IN_FLIGHT = 64
FLOOD_EVENTS = 20_000_000
FLOOD_MESSAGES = 200_000  # more do not change the figures
FLOOD_S = 60

EVENT_COLUMNS = ("events_per_s", "cpu_per_million", "nats_cpu_per_million",
                 "switches_per_million", "gateway_peak", "wrong")
LATENCY_COLUMNS = ("latency_p50", "latency_p90", "latency_p99",
                   "latency_p99.9", "latency_max", "events_per_s",
                   "cpu_per_million", "wrong")


def own_pattern(peer):
    """Each subscription follows a pattern of its own in place of its own
    subject; a peer without patterns has a channel for each id as before."""
    peer.subjects = ("events.*.*",)
    peer.options = ("--allow-sub", "events.{id}.>")
    peer.query = "&subject=events.{id}.%3E"
    peer.publisher = {"subject": "events.{id}.x"}


class Scenario:
    name = None
    title = None
    columns = ()
    peers = PEERS
    plot = None  # (column, heading, logarithmic)
    curves = None  # column with the slots of the percentile plot

    def cases(self):
        """{name: parameters}"""
        raise NotImplementedError

    def columns_of(self, _case):
        return self.columns

    def plotted(self, _case):
        """True: the case is in the plot."""
        return True

    def prepare(self, peer, params):
        """Called before the peer starts."""
        peer.subjects = params.get("subjects", peer.subjects)
        if params.get("wide"):
            own_pattern(peer)

    def run(self, rig, params):
        """{column: value}"""
        raise NotImplementedError


class IdleMemory(Scenario):
    name = "idle-memory"
    title = "Memory of an idle subscription with its own id"
    columns = ("gateway_pss_per_subscription", "gateway_rss_per_subscription",
               "nats_rss_per_subscription", "consumers", "failed")
    plot = ("gateway_pss_per_subscription", "bytes a subscription", True)

    def cases(self):
        found = {str(n): {"n": n} for n in (1000, 5000, 10000, 19000)}
        found["10000:pattern"] = {"n": 10000, "wide": True}
        return found

    def run(self, rig, params):
        n = rig.scaled(params["n"])
        before = rig.memory()
        holder = rig.opened(mode="hold", subscriptions=n, ids=n, seconds=FLOOD_S)
        time.sleep(1)
        after = rig.memory()
        found = {}
        for name, (pss, rss) in after.items():
            found[name + "_pss_per_subscription"] = (pss - before[name][0]) / n
            found[name + "_rss_per_subscription"] = (rss - before[name][1]) / n
        if rig.peer.api is not None:
            found["consumers"] = rig.peer.api.consumers("Events")
        holder.write_line("stop")
        return {**found, **setup(holder.result(SLACK_S))}


class Connect(Scenario):
    name = "connect"
    title = "Subscriptions opened, each with its own id, 64 at a time"
    columns = ("connects_per_s", "setup_p50", "setup_p99", "setup_max",
               "gateway_cpu_per_connect", "nats_cpu_per_connect", "failed")
    plot = ("connects_per_s", "connects a second", False)
    curves = "setup_slots"
    mode = "connect"

    def cases(self):
        found = {str(n): {"n": n, "ids": n} for n in (1000, 10000, 19000)}
        if self.mode == "connect":
            found["10000:pattern"] = {"n": 10000, "ids": 10000, "wide": True}
        return found

    def run(self, rig, params):
        n = rig.scaled(params["n"])
        rig.begin()
        tool = rig.peer.subscriptions(mode=self.mode, subscriptions=n,
                                ids=min(n, params["ids"]),
                                in_flight=IN_FLIGHT)
        got = tool.result(4 * SLACK_S)
        used = rig.end()
        found = {**setup(got), **used}
        for name in ("gateway", "nats"):
            if name + "_cpu_s" in used:
                found[name + "_cpu_per_connect"] = (
                    used[name + "_cpu_s"] * 1e6 / max(1, got["opened"]))
        return found


class Churn(Connect):
    name = "churn"
    title = "Subscriptions opened and closed at once, 64 at a time"
    mode = "churn"

    def cases(self):
        return {"50000": {"n": 50000, "ids": 1000}}


class Published(Scenario):
    """Published as fast as possible ("flood") or at a rate."""

    columns = EVENT_COLUMNS
    plot = ("events_per_s", "events a second", False)
    curves = "latency_slots"

    def columns_of(self, case):
        return EVENT_COLUMNS if "flood" in case else LATENCY_COLUMNS

    def plotted(self, case):
        return "flood" in case


class Fanout(Published):
    name = "fanout"
    title = "One id to many subscriptions, 128 B"
    plot = ("events_per_s", "events a second", True)
    bytes = 128
    counts = (1, 100, 1000, 5000, 15000)
    rates = (10, 50, 100)
    seconds = 10

    def cases(self):
        found = {}
        for n in self.counts:
            found[f"{n}:flood"] = {"n": n, "rate": 0}
        for n in self.counts:
            for rate in self.rates:
                found[f"{n}:{rate}/s"] = {"n": n, "rate": rate}
        return found

    def run(self, rig, params):
        n = rig.scaled(params["n"])
        if params["rate"] == 0:
            share = FLOOD_EVENTS * rig.peer.share * rig.scale
            messages = int(max(20, min(share / n,
                                       FLOOD_MESSAGES * rig.scale)))
            warm_up = 0
        else:
            messages = params["rate"] * rig.scaled(self.seconds, 2)
            warm_up = messages // 10
        return rig.read({"messages": messages, "rate": params["rate"],
                         "bytes": self.bytes},
                        subscriptions=n, ids=1, events=messages, first=1,
                        warm_up=warm_up, seconds=FLOOD_S)


class Unicast(Published):
    name = "unicast"
    title = "Messages to each subscription in turn, each with its own id, 128 B"

    def cases(self):
        return {"1000:flood": {"n": 1000, "rate": 0},
                "10000:flood": {"n": 10000, "rate": 0},
                "10000:flood:pattern": {"n": 10000, "rate": 0, "wide": True},
                # The stream allows other subjects too, so that nats-server
                # filters for the gateway. In version 2.9 the cost of a
                # wildcard filter grows with the subjects in the stream, up to
                # 256 of them.
                "200:flood:filtered": {"n": 200, "rate": 0,
                                       "subjects": ("events.>",)},
                "1000:2000/s": {"n": 1000, "rate": 2000}}

    def run(self, rig, params):
        n = rig.scaled(params["n"])
        if params["rate"] == 0:
            share = 1_000_000 * max(0.2, rig.peer.share) * rig.scale
        else:
            share = params["rate"] * rig.scaled(10, 2)
        each = max(2, int(share / n))
        return rig.read({"messages": each * n, "rate": params["rate"],
                         "ids": n}, subscriptions=n, ids=n, events=each, first=1,
                        warm_up=1, seconds=FLOOD_S)


class Wildcard(Published):
    """A peer without wildcards has one channel."""

    name = "wildcard"
    title = "1,000 subscriptions of one wildcard; messages to many ids, 128 B"
    peers = ("sluice", "nchan")

    def cases(self):
        return {"100000:flood": {"ids": 100_000},
                "1:flood": {"ids": 1}}

    def prepare(self, peer, params):
        super().prepare(peer, params)
        peer.options = ("--allow-sub", "events.*")
        peer.query = "&subject=events.*"

    def run(self, rig, params):
        n = rig.scaled(1000)
        share = FLOOD_EVENTS * rig.peer.share * rig.scale
        load = {"messages": int(max(20, share / n)), "rate": 0, "bytes": 128}
        if rig.peer.nats is not None:
            load.update(ids=params["ids"], one_count=True)
        return rig.read(load, subscriptions=n, ids=1,
                        events=load["messages"], first=1, warm_up=0,
                        seconds=FLOOD_S)


class Stored(Scenario):
    """Cost of a message before it is delivered."""

    name = "stored"
    title = "Messages to 1,000 ids in turn, flooded, with one reader of all"
    columns = ("published_per_s", "nats_cpu_per_message",
               "gateway_cpu_per_message")
    peers = ("sluice", "no reader", "nats.c", "nats.c-consumer")

    def cases(self):
        return {"flood": {}}

    def run(self, rig, _params):
        messages = rig.scaled(500_000)
        reader = None
        if rig.peer.name.startswith("nats.c"):
            reader = rig.opened(subject="events.*", events=messages,
                                seconds=FLOOD_S)
        rig.begin()
        sent = rig.peer.publish(messages=messages,
                                ids=1000).result(FLOOD_S + SLACK_S)
        if reader is not None:
            reader.result(FLOOD_S + SLACK_S)
        used = rig.end()
        found = {"published_per_s": sent["messages_per_s"]}
        for name in ("gateway", "nats"):
            if name + "_cpu_s" in used:
                found[name + "_cpu_per_message"] = (
                    used[name + "_cpu_s"] * 1e6 / messages)
        return found


class History(Scenario):
    """The gateway starts after the publishing, so that its buffer is empty. Live
    subscriptions are measured before the replays and during them."""

    name = "history"
    title = "1,000 clients ask for 1,000 stored messages each"
    columns = ("events_per_s", "cpu_per_million", "live_p99_alone",
               "live_p99_beside", "wrong")
    plot = ("events_per_s", "events a second", False)
    live_id = 1_000_000
    live = 100
    rate = 50

    def cases(self):
        return {"one-id": {"ids": 1}, "own-ids": {"ids": 1000}}

    def _live(self, rig, during):
        """p99 of live subscriptions while during() runs, and its result."""
        n = rig.scaled(self.live)
        reader = rig.opened(mode="read", subscriptions=n, first_id=self.live_id,
                            seconds=10 * SLACK_S)
        publisher = rig.peer.publish(messages=self.rate * 10 * SLACK_S,
                                     rate=self.rate, first_id=self.live_id)
        time.sleep(0.5)
        found = during()
        reader.write_line("stop")
        got = reader.result(SLACK_S)
        publisher.stop()
        return got["latency_ms"]["p99"], found

    def run(self, rig, params):
        n = rig.scaled(1000)
        each = rig.scaled(1000)
        ids = min(n, params["ids"])
        rig.peer.publish(messages=each * ids, ids=ids,
                         ack_every=16).result(4 * SLACK_S)
        if rig.peer.nats is not None:
            rig.peer.stop_gateway()
            rig.peer.start_gateway()
        alone, _ = self._live(rig, lambda: time.sleep(3))

        def replay():
            rig.begin()
            tool = rig.peer.subscriptions("all", mode="read", subscriptions=n, ids=ids,
                                    events=each, first=1, seconds=FLOOD_S)
            got = tool.result(FLOOD_S + SLACK_S)
            return got, rig.end()

        beside, (got, used) = self._live(rig, replay)
        return {**events(got), **costs(got, {"messages": each * ids}, used),
                "live_p99_alone": alone, "live_p99_beside": beside}


class ResumeStorm(Scenario):
    name = "resume-storm"
    title = "All clients drop, and come back to 10 missed events each"
    columns = ("resume_s", "setup_p99", "api_calls", "gateway_cpu_s", "wrong")
    plot = ("resume_s", "seconds until all are caught up", False)
    missed = 10

    def cases(self):
        return {"10000": {"n": 10000}}

    def run(self, rig, params):
        n = rig.scaled(params["n"])
        reader = rig.opened(mode="resume", subscriptions=n, ids=n, before=1, first=1,
                            events=1 + self.missed, seconds=2 * FLOOD_S)
        peer = rig.peer
        peer.publish(messages=n, ids=n).result(2 * SLACK_S)
        reader.wait_word("dropped", 2 * SLACK_S)
        peer.publish(messages=n * self.missed, ids=n, first=2,
                     ack_every=16).result(2 * SLACK_S)
        time.sleep(1)
        calls = peer.api.api_calls() if peer.api else 0
        rig.begin()
        reader.write_line("go")
        got = reader.result(4 * SLACK_S)
        used = rig.end()
        found = {**events(got), **setup(got), **used,
                 "resume_s": got["resume_s"]}
        if peer.api:
            # Without the request of this count.
            found["api_calls"] = peer.api.api_calls() - calls - 1
        return found


class Slow(Scenario):
    name = "slow"
    title = "1,000 live subscriptions beside stalled ones, 1 KiB, 50 msg/s"
    columns = LATENCY_COLUMNS + ("gateway_peak",)
    plot = ("latency_p99", "p99, ms", False)
    curves = "latency_slots"

    def cases(self):
        return {"none-stalled": {"stalled": 0},
                "1000-stalled": {"stalled": 1000}}

    def run(self, rig, params):
        stalled = rig.scaled(params["stalled"], 0)
        messages = 50 * rig.scaled(15, 3)
        return rig.read({"messages": messages, "rate": 50, "bytes": 1024},
                        subscriptions=rig.scaled(1000) + stalled, stalled=stalled,
                        events=messages, first=1, warm_up=messages // 3,
                        seconds=FLOOD_S)


class Payloads(Scenario):
    name = "payloads"
    title = "One id to 100 subscriptions, flooded, by payload"
    columns = ("events_per_s", "bytes_per_s", "cpu_per_million", "wrong")
    plot = ("bytes_per_s", "bytes a second", True)
    total = 4 << 30

    def cases(self):
        return {"16 B": {"bytes": 16}, "128 B": {"bytes": 128},
                "4 KiB": {"bytes": 4096}, "256 KiB": {"bytes": 256 << 10}}

    def run(self, rig, params):
        n = rig.scaled(100)
        share = max(0.2, rig.peer.share) * rig.scale
        messages = int(max(20, min(self.total / n / params["bytes"], 100_000)
                           * share))
        return rig.read({"messages": messages, "bytes": params["bytes"]},
                        subscriptions=n, events=messages, first=1, seconds=FLOOD_S)


class Latency1(Scenario):
    name = "latency1"
    title = "One subscription, 1,000 msg/s, beside plain subscribers"
    columns = LATENCY_COLUMNS
    peers = PEERS + ("nats.c", "nats.c-consumer")
    plot = ("latency_p50", "p50, ms", False)
    curves = "latency_slots"

    def cases(self):
        return {"1000/s": {"rate": 1000}}

    def run(self, rig, params):
        messages = params["rate"] * rig.scaled(10, 2)
        return rig.read({"messages": messages, "rate": params["rate"]},
                        subscriptions=1, events=messages, first=1,
                        warm_up=messages // 10, seconds=FLOOD_S)


class IdleCpu(Scenario):
    name = "idle-cpu"
    title = "CPU of quiet subscriptions with pings every 30 s"
    columns = ("gateway_cpu_percent", "nats_cpu_percent", "pings")
    plot = ("gateway_cpu_percent", "% of a core", False)

    def cases(self):
        return {"10000": {"n": 10000}}

    def run(self, rig, params):
        n = rig.scaled(params["n"])
        holder = rig.opened(mode="hold", subscriptions=n, ids=n, seconds=4 * FLOOD_S)
        rig.begin()
        # Two ping intervals for each, or one.
        time.sleep(60 if rig.scale >= 1 else 30)
        used = rig.end()
        holder.write_line("stop")
        got = holder.result(SLACK_S)
        found = {**used, "pings": got["pings"] + got["others"]}
        for name in ("gateway", "nats"):
            if name + "_cpu_s" in used:
                found[name + "_cpu_percent"] = (100 * used[name + "_cpu_s"]
                                                / used["seconds"])
        return found


class Plain(Scenario):
    name = "plain"
    title = "wrk with 64 connections: plain responses"
    columns = ("requests_per_s", "wrk_p50", "wrk_p99",
               "gateway_cpu_per_request", "errors")
    peers = ("sluice", "nchan")
    plot = ("requests_per_s", "requests a second", False)
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "wrk",
                          "plain.lua")

    def cases(self):
        return {"healthz": {"path": "healthz"},
                "rejection": {"path": "rejection"},
                "connect-and-leave": {"path": "healthz", "word": "close"}}

    def run(self, rig, params):
        seconds = rig.scaled(5)
        url = rig.peer.base() + rig.peer.plain[params["path"]]
        rig.begin()
        done = subprocess.run(
            ["wrk", "-t1", "-c64", f"-d{seconds}s", "-s", self.script, url,
             "--", params.get("word", "")],
            capture_output=True, text=True, check=True,
            timeout=seconds + SLACK_S)
        used = rig.end()
        got = json.loads(done.stdout.strip().split("\n")[-1])
        rejected = got["other_status"] if params["path"] == "healthz" else 0
        return {**used, "requests_per_s": got["requests"] / got["seconds"],
                "wrk_p50": got["p50_ms"], "wrk_p99": got["p99_ms"],
                "gateway_cpu_per_request":
                    used["gateway_cpu_s"] * 1e6 / got["requests"],
                "errors": got["socket_errors"] + rejected}


class Publish(Scenario):
    """Acknowledged messages of clients: by wrk over HTTP, and by a plain publisher
    of nats.c with as many without an acknowledgement. A message to nchan is in its
    memory, and no server acknowledges it."""

    name = "publish"
    title = "Messages published by HTTP with acknowledgement, 128 B, kept alive"
    columns = ("published_per_s", "publish_p50", "publish_p99",
               "gateway_cpu_per_message", "nats_cpu_per_message", "errors")
    peers = ("sluice", "nchan", "nats.c")
    plot = ("published_per_s", "messages a second", False)
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "wrk",
                          "publish.lua")
    bytes = 128

    def cases(self):
        return {"64": {"connections": 64}, "1": {"connections": 1},
                "64:10000-open": {"connections": 64, "open": 10_000}}

    def prepare(self, peer, params):
        super().prepare(peer, params)
        peer.options = ("--allow-pub", "events.{id}",
                        "--max-requests-per-id", "0")

    def _wrk(self, rig, params):
        seconds = rig.scaled(5)
        done = subprocess.run(
            ["wrk", "-t1", f"-c{params['connections']}", f"-d{seconds}s",
             "-s", self.script, rig.peer.publish_url("u0"), "--",
             str(self.bytes)],
            capture_output=True, text=True, check=True,
            timeout=seconds + SLACK_S)
        got = json.loads(done.stdout.strip().split("\n")[-1])
        return {"messages": got["requests"],
                "published_per_s": got["requests"] / got["seconds"],
                "publish_p50": got["p50_ms"], "publish_p99": got["p99_ms"],
                "errors": got["socket_errors"] + got["other_status"]}

    def _natsbench(self, rig, params):
        got = rig.peer.publish(
            messages=rig.scaled(300_000 if params["connections"] > 1
                                else 30_000),
            bytes=self.bytes, ack_every=1,
            in_flight=params["connections"]).result(FLOOD_S + SLACK_S)
        return {"messages": got["messages"],
                "published_per_s": got["messages_per_s"],
                "publish_p50": got["ack_ms"]["p50"],
                "publish_p99": got["ack_ms"]["p99"], "errors": got["errors"]}

    def run(self, rig, params):
        holder = None
        is_plain = rig.peer.name == "nats.c"
        if "open" in params and not is_plain:
            n = rig.scaled(params["open"])
            holder = rig.opened(mode="hold", subscriptions=n, ids=n,
                                first_id=1, seconds=FLOOD_S)
        rig.begin()
        found = (self._natsbench if is_plain else self._wrk)(rig, params)
        used = rig.end()
        if holder is not None:
            holder.write_line("stop")
            holder.result(SLACK_S)
        for name in ("gateway", "nats"):
            if name + "_cpu_s" in used:
                found[name + "_cpu_per_message"] = (
                    used[name + "_cpu_s"] * 1e6 / max(1, found["messages"]))
        return {**used, **found}


class Request(Publish):
    """A service answers: the rest is as in publish."""

    name = "request"
    title = "Requests by HTTP to a NATS service, 128 B, kept alive"
    columns = ("published_per_s", "publish_p50", "publish_p99",
               "gateway_cpu_per_message", "nats_cpu_per_message", "errors")
    peers = ("sluice", "nats.c")
    plot = ("published_per_s", "requests a second", False)

    def cases(self):
        return {"64": {"connections": 64}, "1": {"connections": 1}}

    def prepare(self, peer, params):
        super().prepare(peer, params)
        peer.options = ("--allow-pub", "services.*",
                        "--max-requests-per-id", "0")
        peer.publisher = {"subject": "services.echo"}
        peer.publish_path = "/api/v1/subjects/services.echo"

    def run(self, rig, params):
        service = rig.peer.service("services.echo", 4 * FLOOD_S)
        service.wait_word("ready", SLACK_S)
        try:
            return super().run(rig, params)
        finally:
            service.stop()


class Many(Scenario):
    """A process has 20,000 descriptors at most. Therefore several gateways run,
    each with its own port and its own client process."""

    name = "many"
    title = "100,000 subscriptions with their own ids, on several gateways"
    columns = ("opened", "connects_per_s", "gateway_pss", "consumers",
               "latency_p50", "latency_p99", "events_per_s", "wrong")
    peers = ("sluice",)
    each = 16_700

    def cases(self):
        return {"100000": {"n": 100_000}}

    def run(self, rig, params):
        n = rig.scaled(params["n"])
        processes = -(-n // self.each)
        n = n // processes * processes
        gateways = [rig.peer.child]
        ports = [rig.peer.port]
        for i in range(1, processes):
            ports.append(rig.peer.start_one(f"gateway-{i}"))
            gateways.append(rig.peer.child)
        each = n // processes
        begun = time.monotonic()
        readers = []
        for i, rig.peer.port in enumerate(ports):
            readers.append(rig.peer.subscriptions(
                mode="read", subscriptions=each, ids=each, first_id=i * each,
                events=2, first=1, warm_up=0, seconds=4 * FLOOD_S))
        for reader in readers:
            reader.wait_word("ready", 4 * SLACK_S)
        opened_s = time.monotonic() - begun
        pss = sum(sampling.pss([g.pid]) for g in gateways)
        consumers = rig.peer.api.consumers("Events")
        rig.peer.publish(messages=2 * n, ids=n,
                         ack_every=16).result(4 * SLACK_S)
        parts = [r.result(4 * SLACK_S) for r in readers]
        for gateway in gateways[:-1]:
            gateway.stop()
        found = merged([events(p) for p in parts])
        return {**found, "opened": sum(p["opened"] for p in parts),
                "connects_per_s": n / opened_s, "gateway_pss": pss,
                "consumers": consumers}


ALL = [IdleMemory(), Connect(), Churn(), Fanout(), Unicast(), Wildcard(),
       Stored(), History(), ResumeStorm(), Slow(), Payloads(), Latency1(),
       IdleCpu(), Plain(), Publish(), Request(),
       Many()]
