// A peer: the obvious gateway in Node, with an ephemeral consumer for each client.
//
//	node gateway.mjs PORT nats://127.0.0.1:4222

import http from "node:http";
import { connect } from "@nats-io/transport-node";
import { AckPolicy, DeliverPolicy, jetstream } from "@nats-io/jetstream";

const PING_MS = 30000;
const THRESHOLD_NS = 60e9;
const STREAM = "Events";

const [port, server] = process.argv.slice(2);
const nc = await connect({ servers: server });
const js = jetstream(nc);
const jsm = await js.jetstreamManager();

function startOf(request, query) {
  const last = parseInt(request.headers["last-event-id"], 10);
  if (last > 0) {
    return {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: last + 1,
    };
  }
  const policies = {
    all: DeliverPolicy.All,
    last: DeliverPolicy.Last,
    new: DeliverPolicy.New,
  };
  return { deliver_policy: policies[query.get("deliver") ?? "new"] };
}

async function serveSubscription(request, response) {
  const url = new URL(request.url, "http://localhost");
  // A single filter: a list of filters needs nats-server 2.10.
  const info = await jsm.consumers.add(STREAM, {
    filter_subject: `events.${request.headers.user_id}`,
    ack_policy: AckPolicy.None,
    mem_storage: true,
    inactive_threshold: THRESHOLD_NS,
    ...startOf(request, url.searchParams),
  });
  const consumer = js.consumers.getConsumerFromInfo(info);
  const messages = await consumer.consume();
  const ping = setInterval(
    () => response.write('data: {"system": "ping"}\n\n'),
    PING_MS,
  );
  response.on("close", () => {
    clearInterval(ping);
    messages.stop();
    consumer.delete().catch(() => {});
  });
  response.writeHead(200, {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache",
  });
  response.flushHeaders();
  for await (const m of messages) {
    response.write(`id: ${m.seq}\ndata: ${m.string()}\n\n`);
  }
}

const gateway = http.createServer((request, response) => {
  serveSubscription(request, response).catch((e) => {
    if (!response.headersSent) {
      response.writeHead(500);
    }
    response.end(String(e));
  });
});
gateway.listen({ port: Number(port), host: "127.0.0.1", backlog: 4096 });
