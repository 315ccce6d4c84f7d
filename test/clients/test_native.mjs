// The EventSource of a browser (node test_native.mjs chromium|firefox), on a page
// of the gateway's own origin.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { followOn } from "./native.mjs";
import { Rig, openBrowser, openPage, servePages, test, until } from "./rig.mjs";

const name = process.argv[2];
const browser = await openBrowser(name);
const EVENTS = "/api/v1/events?id=alice";
// Chromium takes the id of a block without data as its cursor, as the standard
// says; Firefox forgets it (seen in 153). So the opening block has data.
const TAKES_ID_ALONE = name !== "firefox";

async function follow(origin, path = EVENTS) {
  const f = await followOn(await openPage(browser, `${origin}/livez`), path);
  await f.opened(1);
  return f;
}

/** The rig, and a follower that has the first three events. */
async function begin({ through = "gateway", options = [] } = {}) {
  const rig = await Rig.start("--id-query", "id", ...options);
  const cutter = through === "cutter" ? await rig.cutter() : null;
  const f = await follow((cutter ?? rig.gateway).origin);
  const sent = await rig.publishMany("alice", "before", 3);
  await f.expect(sent);
  return { rig, cutter, f, sent };
}

/** Nothing but these has come, and what comes next is the next. */
async function goesOn(rig, f, sent) {
  sent.push(...(await rig.publishMany("alice", "after", 3)));
  return f.expect(sent);
}

test("events come as they were published, each with its id", async () => {
  const rig = await Rig.start("--id-query", "id");
  const f = await follow(rig.gateway.origin);
  const payloads = [
    "one",
    "",
    " a blank first",
    "two\nlines\n",
    "ä € 🙂",
    "{}",
  ];
  for (const data of payloads) {
    await rig.publish("alice", data);
    await rig.publish("bob", "not alice's");
  }
  await rig.publish("alice", Buffer.from([0xff, 0x00, 0xfe]));
  const events = await f.expect([...payloads, "/wD+"]);
  assert.equal(events.at(0).type, "message");
  assert.equal(events.at(-1).type, "base64");
  assert.equal(Number.parseInt(events.at(-1).id, 10), 13);
});

test("format=json: the data of an event is an object", async () => {
  const rig = await Rig.start("--id-query", "id");
  const f = await follow(rig.gateway.origin, `${EVENTS}&format=json`);
  await rig.publish("alice", 'two\r\n"lines"');
  await rig.publish("alice", Buffer.from([0xff, 0x00, 0xfe]));
  const { events } = await f.until("two events", (seen) => seen.events.length === 2);
  const [text, binary] = events.map(({ data }) => JSON.parse(data));
  assert.equal(text.data, 'two\r\n"lines"');
  assert.equal(text.subject, "events.alice");
  assert.equal(text.id, events[0].id);
  assert.deepEqual([binary.encoding, binary.data], ["base64", "/wD+"]);
  assert.deepEqual(events.map(({ type }) => type), ["message", "message"]);
});

/** The six lines that follow orders and announcements, as they stand in a document. */
function linesOf(document) {
  const path = new URL(`../../${document}`, import.meta.url);
  const [code] = readFileSync(path, "utf8").match(
    /^ {4}const events = .*json=1.*\n(?: {4}.*\n)+? {4}\};$/m,
  );
  assert.equal(code.split("\n").length, 6);
  return code.replace("events?", "events?id=alice&");
}

for (const document of ["README.md", "docs/browsers.md"]) {
  test(`${document}: own orders and announcements in six lines`, async () => {
    const rig = await Rig.start("--id-query", "id", "--ping-interval", "100ms",
      "--subject", "orders.{id}", "--subject", "announcements.>");
    await rig.nats.setSubjects(["orders.*", "announcements.>"]);
    const page = await openPage(browser, `${rig.gateway.origin}/livez`);
    await page.evaluate((code) => {
      globalThis.seen = [];
      globalThis.announce = (text) => globalThis.seen.push(["announce", text]);
      globalThis.showOrder = (order) => globalThis.seen.push(["order", order]);
      new Function(code)();
    }, linesOf(document));
    await rig.gateway.waitStreams(1);
    const want = [];
    for (let n = 1; n <= 6; n++) {
      await rig.nats.publish("orders.bob", `{"n":${n}}`);
      await rig.nats.publish("orders.alice", `{"n":${n}}`);
      await rig.nats.publish(`announcements.eu.${n}`, `{"text":"t${n}"}`);
      want.push(["order", { n }], ["announce", `t${n}`]);
      if (n === 3) {
        await rig.gateway.restart();
      }
    }
    let got = [];
    await until(() => `all of them: ${JSON.stringify(got)}`, async () => {
      got = await page.evaluate(() => globalThis.seen);
      return got.length >= want.length;
    });
    assert.deepEqual(got, want);
  });
}

test("the gateway is restarted", async () => {
  const { rig, f, sent } = await begin();
  await rig.gateway.stop();
  sent.push(...(await rig.publishMany("alice", "meanwhile", 3)));
  await rig.gateway.start();
  await f.opened(2);
  await goesOn(rig, f, sent);
});

test("the gateway is killed", async () => {
  const { rig, f, sent } = await begin();
  await rig.gateway.kill();
  sent.push(...(await rig.publishMany("alice", "meanwhile", 3)));
  await rig.gateway.start();
  await f.opened(2);
  await goesOn(rig, f, sent);
});

// From the first byte of its data to the last one but one of the frame.
const PLACES = { "in data": 3, "before id": 9, "in id": 14, "behind id": 22 };
for (const [where, bytes] of Object.entries(PLACES)) {
  test(`a cut within an event: ${where}`, async () => {
    const { rig, cutter, f, sent } = await begin({ through: "cutter" });
    const cut = cutter.cutInside("cut here", bytes);
    await rig.publish("alice", "cut here");
    await cut;
    sent.push("cut here");
    await f.opened(2);
    await goesOn(rig, f, sent);
    const { events } = await f.look();
    // It came back with the last event that it had whole.
    assert.equal(cutter.cursors().at(-1), events[2].id);
  });
}

/** A stream that is cut when no event has come; what is published then. */
async function cutBeforeEvents(path) {
  const rig = await Rig.start("--id-query", "id");
  await rig.publish("alice", "before");
  const cutter = await rig.cutter();
  const f = await follow(cutter.origin, path);
  await until("the opening block", () => /\nid: 1\b/.test(cutter.sent()));
  cutter.hold();
  cutter.cutAll();
  const sent = await rig.publishMany("alice", "meanwhile", 3);
  cutter.release();
  await f.opened(2);
  return { rig, cutter, f, sent };
}

test("a cut before the first event", async () => {
  const { rig, cutter, f, sent } = await cutBeforeEvents(EVENTS);
  await goesOn(rig, f, sent);
  assert.match(cutter.cursors().at(-1), /^1-/);
});

test("a cut before the first event, with a cursor in the URL", async () => {
  const { rig, f, sent } = await cutBeforeEvents(`${EVENTS}&lastEventId=1`);
  await goesOn(rig, f, sent);
});

test("NATS is restarted: the stream stays open", async () => {
  const { rig, f, sent } = await begin();
  await rig.nats.restart();
  await goesOn(rig, f, sent);
  const seen = await f.look();
  assert.equal(seen.opens, 1);
  assert.deepEqual(seen.errors, []);
});

test("a rejected request is not retried", async () => {
  const rig = await Rig.start("--id-query", "id");
  const cutter = await rig.cutter();
  const page = await openPage(browser, `${cutter.origin}/livez`);
  const paths = [
    "/api/v1/events",
    "/api/v1/events?id=a.b",
    `${EVENTS}&deliver=never`,
    "/api/v1/nothing",
  ];
  for (const path of paths) {
    const f = await followOn(page, path);
    await f.until("its end", ({ errors }) => errors.length > 0);
    assert.deepEqual((await f.look()).errors, [2]);
    assert.equal(await f.state(), 2);
  }
  // Longer than any of them would wait: one that does come again.
  const f = await followOn(page, EVENTS);
  await f.opened(1);
  await rig.gateway.restart();
  await f.opened(2);
  await goesOn(rig, f, []);
  for (const path of paths) {
    const asked = cutter.requests.filter((r) => r.startsWith(`GET ${path} `));
    assert.equal(asked.length, 1, path);
  }
});

test("503 is final, the gateway's response instead of it is not", async () => {
  const away = (request, response) => {
    response.writeHead(503, { "Retry-After": "1" });
    response.end("no gateway\n");
  };
  const pages = await servePages({ "/api/v1/events": away });
  const page = await openPage(browser, `${pages.origin}/livez`);
  const refused = await followOn(page, EVENTS);
  await refused.until("its end", ({ errors }) => errors.length > 0);
  assert.deepEqual((await refused.look()).errors, [2]);

  const rig = await Rig.start(
    ...["--id-query", "id", "--max-subscriptions-per-id", "1"],
  );
  const first = await follow(rig.gateway.origin);
  const second = await follow(rig.gateway.origin);
  await second.opened(2);
  await first.close();
  await rig.gateway.waitStreams(1);
  await until("the second's stream", async () => {
    const [open] = await rig.gateway.subscriptions();
    return open?.state === "live";
  });
  const sent = await rig.publishMany("alice", "event", 3);
  await second.expect(sent);
  assert.deepEqual((await first.look()).events, []);
});

test("pings are messages, and keep the cursor fresh", async () => {
  const { rig, cutter, f, sent } = await begin({
    through: "cutter",
    options: ["--ping-interval", "100ms"],
  });
  await rig.publishMany("bob", "bob's", 5);
  const fresh = ({ pings }) => /^8-/.test(pings.at(-1)?.id);
  await f.until("a ping that has bob's behind it", fresh);
  cutter.cutAll();
  await f.opened(2);
  await goesOn(rig, f, sent);
  assert.match(cutter.cursors().at(-1), /^8-/);
});

test("pings as comments: nothing is dispatched", async () => {
  const { rig, cutter, f, sent } = await begin({
    through: "cutter",
    options: ["--ping-interval", "100ms", "--ping-style", "comment"],
  });
  await rig.publishMany("bob", "bob's", 5);
  await until("the ping", () => /: ping\nid: 8-/.test(cutter.sent()));
  cutter.cutAll();
  await f.opened(2);
  const events = await goesOn(rig, f, sent);
  assert.equal(events.length, sent.length);
  assert.deepEqual((await f.look()).pings, []);
  assert.match(cutter.cursors().at(-1), TAKES_ID_ALONE ? /^8-/ : /^3-/);
});

test("pings as events: nothing reaches onmessage, and the cursor is fresh", async () => {
  const { rig, cutter, f, sent } = await begin({
    through: "cutter",
    options: ["--ping-interval", "100ms", "--ping-style", "event"],
  });
  await rig.publishMany("bob", "bob's", 5);
  const fresh = ({ systems }) => /^8-/.test(systems.at(-1)?.id);
  await f.until("a ping that has bob's behind it", fresh);
  cutter.cutAll();
  await f.opened(2);
  await goesOn(rig, f, sent);
  const { pings, systems } = await f.look();
  assert.deepEqual(pings, []);
  assert.equal(systems.at(0).data, '{"system": "open"}');
  assert.match(cutter.cursors().at(-1), /^8-/);
});

test("missing messages are reported", async () => {
  const { rig, f } = await begin();
  await rig.gateway.stop();
  await rig.publishMany("alice", "lost", 3);
  await rig.nats.purge();
  await rig.gateway.start();
  const { gaps } = await f.until("the gap", ({ gaps }) => gaps.length > 0);
  assert.equal(gaps.length, 1);
  const { first, ...gap } = JSON.parse(gaps[0].data);
  assert.deepEqual(gap, { system: "gap", reason: "expired", after: 3 });
  assert.equal(first, 7);
  await rig.publish("alice", "after");
  const { events } = await f.until("4", ({ events }) => events.length > 3);
  assert.equal(events.at(-1).data, "after");
});

test("a page that is opened again goes on by lastEventId", async () => {
  const { rig, f, sent } = await begin();
  const { events } = await f.look();
  const all = await follow(rig.gateway.origin, `${EVENTS}&deliver=all`);
  await all.expect(sent);
  const last = await follow(rig.gateway.origin, `${EVENTS}&deliver=last`);
  await last.expect(sent.slice(-1));
  const rest = await follow(
    rig.gateway.origin,
    `${EVENTS}&lastEventId=${events[0].id}`,
  );
  await rest.expect(sent.slice(1));
});
