// That the rig itself does what the other tests count on.

import assert from "node:assert/strict";

import { Rig, test } from "./rig.mjs";

/** The body of an event stream, as far as `text` and one reading more. */
async function readTo(origin, text) {
  const controller = new AbortController();
  const answer = await fetch(`${origin}/api/v1/events?id=alice`, {
    signal: controller.signal,
  });
  let body = "";
  try {
    for await (const chunk of answer.body) {
      body += Buffer.from(chunk).toString();
      if (body.includes(text)) {
        break;
      }
    }
  } catch {
    body += "(cut)";
  }
  controller.abort();
  return body;
}

test("the gateway starts again where it was, and so does the server", async () => {
  const rig = await Rig.start("--id-query", "id");
  const before = rig.gateway.address;
  assert.equal(await rig.publish("alice", "one"), 1);
  await rig.gateway.restart();
  await rig.nats.restart();
  assert.equal(rig.gateway.address, before);
  assert.equal(await rig.publish("alice", "two"), 2);
  await rig.gateway.restart("kill");
  assert.equal(await rig.gateway.metric("sluice_subscriptions"), 0);
});

test("a stream is cut within an event", async () => {
  const rig = await Rig.start("--id-query", "id");
  const cutter = await rig.cutter();
  const cut = cutter.cutInside("second", 3);
  const body = readTo(cutter.origin, "never");
  await rig.gateway.waitStreams(1);
  await rig.publish("alice", "the first");
  await rig.publish("alice", "the second");
  await cut;
  // Node's fetch takes what came for whole, where the connection is to close.
  assert.match(await body, /data: the first\nid: .*\n\ndata: the sec(\(cut\))?$/);
  await rig.gateway.waitStreams(0);
});
