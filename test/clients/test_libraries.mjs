// The client libraries of npm: every event once, in order, whatever happens to the
// stream. Where one can't do that, the test says what it does in place of it, and
// docs/browsers.md what follows from it.

import assert from "node:assert/strict";
import { get } from "node:http";

import { Follower, PING } from "./follow.mjs";
import { IN_NODE, IN_PAGES, newSeen } from "./libraries.mjs";
import {
  Rig,
  defer,
  openBrowser,
  openPage,
  skip,
  test,
  until,
} from "./rig.mjs";

// node test_libraries.mjs [PART OF A NAME]
const clients = [...IN_NODE, ...IN_PAGES].filter(({ name }) =>
  name.includes(process.argv[2] ?? ""),
);
const inPages = clients.some(({ script }) => script !== undefined);
const browser = inPages ? await openBrowser("chromium") : null;

const EVENTS = "/api/v1/events";
const OPTIONS = ["--retry", "20ms"];

function followInNode(client, url) {
  const seen = newSeen();
  const close = client.open(url, seen);
  defer(close);
  const f = new Follower(client.name, () => seen);
  f.close = close;
  return f;
}

async function followInPage(client, url) {
  const page = await openPage(browser, `${new URL(url).origin}/livez`);
  await page.evaluate(client.script());
  // The function comes as text: what is in a page came from there.
  await page.evaluate(
    `window.seen = ${JSON.stringify(newSeen())};
     window.end = (${client.open})("${url}", window.seen, '${PING}');`,
  );
  const f = new Follower(client.name, () => page.evaluate(() => window.seen));
  f.close = () => page.evaluate(() => window.end());
  return f;
}

function follow(client, url) {
  return client.script === undefined
    ? followInNode(client, url)
    : followInPage(client, url);
}

/** A rig, and the client before it, through a proxy that can be cut. */
async function begin(client, { path = EVENTS, options = OPTIONS } = {}) {
  const rig = await Rig.start(...options);
  const cutter = await rig.cutter();
  return { rig, cutter, f: await follow(client, cutter.origin + path) };
}

async function live(client) {
  const { rig, f } = await begin(client);
  await f.opened(1);
  await rig.gateway.waitStreams(1);
  const payloads = ["one", " a blank first", "two\nlines\n", "ä € 🙂"];
  for (const data of ["", "\n\nlines before", ...payloads]) {
    await rig.publish("alice", data);
    await rig.publish("bob", "not alice's");
  }
  payloads.unshift(
    ...(client.emptyIsNothing ? ["lines before"] : ["", "\n\nlines before"]),
  );
  await rig.publish("alice", Buffer.from([0xff, 0x00, 0xfe]));
  const events = await f.expect([...payloads, "/wD+"]);
  assert.equal(events.at(0).type, "message");
  assert.equal(events.at(-1).type, "base64");
  await f.close();
  await rig.gateway.waitStreams(0);
}

/** After a client has given up: another one continues after the last event. */
async function goOn(client, f, origin) {
  const { events } = await f.until("its end", ({ closed }) => closed);
  const from = `?lastEventId=${events.at(-1).id}`;
  return follow(client, origin + EVENTS + from);
}

async function restarts(client) {
  const rig = await Rig.start(...OPTIONS);
  const { origin } = rig.gateway;
  let f = await follow(client, origin + EVENTS);
  await f.opened(1);
  let sent = await rig.publishMany("alice", "before", 3);
  await f.expect(sent);
  for (const how of ["stop", "kill"]) {
    await rig.gateway[how]();
    const more = await rig.publishMany("alice", how, 3);
    if (client.givesUp) {
      await f.until("its end", ({ closed }) => closed);
    }
    await rig.gateway.start();
    if (client.givesUp) {
      f = await goOn(client, f, origin);
      sent = [];
    }
    sent.push(...more);
    await f.expect(sent);
  }
  await rig.nats.restart();
  sent.push(...(await rig.publishMany("alice", "after", 3)));
  await f.expect(sent);
}

/** What a client makes of an event that is cut behind `bytes` of its data. */
function comesOf(client, bytes, text, seq) {
  const idBegins = text.length + 1;
  const idIsWhole = idBegins + `id: ${seq}-abcdef\n`.length;
  if (client.cut === "repeats" && bytes >= idBegins && bytes < idIsWhole) {
    return 2;
  }
  return client.cut === "loses" && bytes === idIsWhole ? 0 : 1;
}

async function cuts(client) {
  const { rig, cutter, f } = await begin(client);
  await f.opened(1);
  const sent = await rig.publishMany("alice", "before", 1);
  await f.expect(sent);
  // From before the frame's first byte to behind its last one.
  const places = client.slow
    ? [3, 14, 22]
    : Array.from({ length: 34 }, (_, i) => i - 9);
  for (const bytes of places) {
    const text = `cut ${String(bytes).padStart(3)}`;
    const cut = cutter.cutInside(text, bytes);
    const requests = cutter.cursors().length;
    const seq = await rig.publish("alice", text);
    await cut;
    await until("its return", () => cutter.cursors().length > requests);
    const next = `next ${bytes}`;
    await rig.publish("alice", next);
    sent.push(...Array(comesOf(client, bytes, text, seq)).fill(text), next);
    await f.until(next, ({ events }) => events.at(-1).data === next);
  }
  const { events } = await f.look();
  assert.deepEqual(
    events.map((e) => e.data),
    sent,
  );
  // By this a program can tell: what was cut has the id of what was before it.
  const again = events.filter((e, i) => e.id === events[i - 1]?.id);
  const twice = sent.filter((data, i) => data === sent[i - 1]);
  assert.deepEqual(
    again.map((e) => e.data),
    twice,
  );
  assert.equal(twice.length > 0, client.cut === "repeats");
}

async function cutsBeforeEvents(client) {
  for (const cursor of ["", "?lastEventId=1"]) {
    const path = EVENTS + cursor;
    const { rig, cutter, f } = await begin(client, { path });
    await f.opened(1);
    await rig.publish("bob", "not alice's");
    await rig.gateway.waitStreams(1);
    await until("the opening block", () => /\nid: \d/.test(cutter.sent()));
    cutter.hold();
    cutter.cutAll();
    const sent = await rig.publishMany("alice", "meanwhile", 3);
    cutter.release();
    await f.opened(2);
    const after = await rig.publishMany("alice", "after", 3);
    await f.expect([...sent, ...after]);
    await f.close();
  }
}

/** Nothing is lost; which cursor it comes back with is the client's. */
async function commentPings(client) {
  const options = [...OPTIONS, "--ping-interval", "100ms"];
  options.push("--ping-style", "comment");
  const { rig, cutter, f } = await begin(client, { options });
  await f.opened(1);
  const sent = await rig.publishMany("alice", "before", 1);
  await f.expect(sent);
  await rig.publishMany("bob", "not alice's", 3);
  await until("the ping", () => /: ping\nid: 4-/.test(cutter.sent()));
  cutter.hold();
  cutter.cutAll();
  sent.push(...(await rig.publishMany("alice", "meanwhile", 3)));
  const requests = cutter.cursors().length;
  cutter.release();
  await until("its return", () => cutter.cursors().length > requests);
  await f.expect(sent);
  const kept = client.idAlone === false ? /^1-/ : /^4-/;
  assert.match(cutter.lastCursor(), kept);
}

async function rejections(client) {
  const path = `${EVENTS}?deliver=never`;
  const { cutter, f } = await begin(client, { path });
  await f.until("its end", ({ closed }) => closed);
  // As long as it takes one that does come again.
  const other = await follow(client, cutter.origin + EVENTS);
  await other.opened(1);
  cutter.cutAll();
  await other.opened(2);
  const asked = cutter.requests.filter((r) => r.startsWith(`GET ${path}`));
  assert.equal(asked.length, 1);
}

/** The only stream that alice may have; resolves to what ends it. */
function takeTheOnlyStream(origin) {
  return new Promise((resolve, reject) => {
    const headers = { user_id: "alice" };
    const request = get(origin + EVENTS, { headers, agent: false });
    request.on("response", () => resolve(() => request.destroy()));
    request.on("error", reject);
  });
}

async function comesBack(client) {
  const rig = await Rig.start(...OPTIONS, "--max-subscriptions-per-id", "1");
  const cutter = await rig.cutter();
  const endIt = await takeTheOnlyStream(rig.gateway.origin);
  const f = await follow(client, cutter.origin + EVENTS);
  await until("its return", () => cutter.cursors().length > 1);
  endIt();
  // No longer the first one's, number 1.
  await until("its stream", async () => {
    const [open] = await rig.gateway.subscriptions();
    return open?.subscription > 1 && open.state === "live";
  });
  const sent = await rig.publishMany("alice", "event", 1);
  await f.expect(sent);
}

function testAll(client, name) {
  test(`${name}: live`, () => live(client));
  test(`${name}: the gateway is restarted, killed, NATS is restarted`, () =>
    restarts(client));
  test(`${name}: cut in every place of an event`, () => cuts(client));
  test(`${name}: cut before the first event`, () => cutsBeforeEvents(client));
  test(`${name}: pings without data`, () => commentPings(client));
  test(`${name}: rejected`, () => rejections(client));
  test(`${name}: asked to come back`, () => comesBack(client));
}

/** What its defaults are: @microsoft/fetch-event-source without its callbacks. */
async function defaults(client) {
  const plain = {
    ...client,
    open: (url, seen) => {
      const init = { headers: { user_id: "alice" }, openWhenHidden: true };
      window.fetchEventSource(url, init).then(() => (seen.closed = true));
      return () => {};
    },
  };
  const { rig, cutter, f } = await begin(plain);
  await rig.gateway.waitStreams(1);
  await rig.gateway.restart();
  await f.until("its end", ({ closed }) => closed);

  const refused = `${EVENTS}?deliver=never`;
  await follow(plain, cutter.origin + refused);
  await until("it asks again and again", () => {
    return cutter.requests.filter((r) => r.includes(refused)).length > 2;
  });
}

for (const client of clients) {
  const major = Number.parseInt(process.versions.node, 10);
  if (major < (client.node ?? 18)) {
    skip(client.name, `needs Node ${client.node}, here is ${major}`);
  } else {
    testAll(client, client.name);
  }
}
for (const client of clients.filter((c) => c.emptyIsNothing)) {
  test(`${client.name}: its defaults`, () => defaults(client));
}
