// publish() of examples/browser: from pages of another origin, in both browsers, and
// through the errors that a gateway gives.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { BROWSERS, Rig, defer, openBrowser, openPage, servePages, test, until } from "./rig.mjs";

const FILE = join(process.env.SLUICE_TEST_ROOT, "examples/browser/publish.js");
const { publish, PublishError } = await import(FILE);

const browsers = {};
for (const name of BROWSERS) {
  browsers[name] = await openBrowser(name);
}

/** A page of another origin, and the gateway. */
async function begin(browser, ...args) {
  const body = readFileSync(FILE);
  const pages = await servePages({ "/publish.js": { type: "text/javascript", body } });
  const rig = await Rig.start(
    "--cors-origin", pages.origin, "--allow-pub", "events.{id}", ...args);
  const page = await openPage(browser, pages.origin);
  const url = `${rig.gateway.origin}/api/v1/events`;
  /** Gives what is stored, or the fields of the error. */
  const send = (data, options = {}) =>
    page.evaluate(async (to, text, more) => {
      const { publish: post } = await import("/publish.js");
      return post(to, text, { headers: { user_id: "alice" }, ...more }).catch(
        ({ status, message, code, current, unknown }) =>
          ({ status, message, code, current, unknown }));
    }, url, data, options);
  return { rig, send };
}

/** What the stream has for alice. */
async function stored({ gateway }, number) {
  const url = `${gateway.origin}/api/v1/events?deliver=all&limit=${number}&timeout=5s`;
  const headers = { user_id: "alice", Accept: "application/x-ndjson" };
  const text = await (await fetch(url, { headers })).text();
  return text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

for (const [name, browser] of Object.entries(browsers)) {
  test(`${name}: from a page of another origin`, async () => {
    const { rig, send } = await begin(browser);
    const first = await send("é 1", { messageHeaders: { Trace: "7" }, key: "k 1" });
    assert.match(first.id, /^1-[0-9a-f]{6}$/);
    assert.equal(first.subject, "events.alice");
    assert.deepEqual(await send("é 1", { key: "k 1" }), { ...first, duplicate: true });
    assert.equal((await send("2", { expect: 1 })).seq, 2);
    const failed = await send("3", { expect: 1 });
    assert.deepEqual([failed.status, failed.code, failed.current], [412, 10071, 2]);
    assert.equal((await send("3", { expect: 0 })).status, 412);
    const [one, two] = await stored(rig, 2);
    assert.deepEqual([one.data, one.headers], ["é 1", { Trace: ["7"] }]);
    assert.equal(two.data, "2");
    const forbidden = await send("x", { subject: "events.bob" });
    assert.equal(forbidden.status, 403);
    assert.match(forbidden.message, /events\.bob/);
    assert.equal(forbidden.unknown, false);
  });

  test(`${name}: while NATS is away`, async () => {
    const { rig, send } = await begin(browser);
    await rig.nats.stop();
    const sent = send("patient", { attempts: 50 });
    await until("a rejection", async () =>
      (await rig.gateway.metric("sluice_requests_rejected_total")) > 0);
    await rig.nats.start();
    assert.equal((await sent).seq, 1);
    await rig.gateway.kill();
    const lost = await send("x", { attempts: 2 });
    assert.deepEqual([lost.status, lost.unknown], [0, true]);
  });
}

/** A server that answers as the list says: [status, headers, body], or null: a cut. */
async function answers(...list) {
  const heads = [];
  const server = createServer((request, response) => {
    heads.push(request.headers);
    request.resume();
    const next = list.shift();
    if (next === null) {
      request.socket.destroy();
      return;
    }
    const [status, headers, body] = next;
    response.writeHead(status, { ...headers, Connection: "close" });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  defer(() => server.close());
  return { url: `http://127.0.0.1:${server.address().port}/`, heads };
}

const PROBLEM = { "Content-Type": "application/problem+json" };
const UNKNOWN = [504, PROBLEM, { status: 504, detail: "late", outcome: "unknown" }];
const AWAY = [503, { ...PROBLEM, "Retry-After": "0" }, { status: 503, detail: "away" }];
const STORED = [201, {}, { seq: 1, id: "1-aaaaaa" }];

test("a retry has the same key", async () => {
  const { url, heads } = await answers(UNKNOWN, null, AWAY, STORED);
  assert.equal((await publish(url, "x")).seq, 1);
  const keys = heads.map((h) => h["idempotency-key"]);
  assert.equal(keys.length, 4);
  assert.match(keys[0], /^[0-9a-f]{32}$/);
  assert.deepEqual(new Set(keys).size, 1);
});

test("with a precondition only what was not sent is retried", async () => {
  const { url, heads } = await answers(AWAY, UNKNOWN, STORED);
  await assert.rejects(publish(url, "x", { expect: 7 }), (e) => {
    assert.ok(e instanceof PublishError && e.unknown);
    return e.status === 504 && e.message === "late";
  });
  assert.deepEqual(heads.map((h) => h["if-match"]), ['"7"', '"7"']);
  assert.equal(heads[0]["idempotency-key"], undefined);
});

test("a rejected token is fetched again, once", async () => {
  const no = [401, {}, "no"];
  const { url, heads } = await answers(no, STORED, no, no);
  let n = 0;
  const token = () => `t${++n}`;
  await publish(url, "x", { token });
  await assert.rejects(publish(url, "x", { token }), { status: 401, message: "no" });
  assert.deepEqual(heads.map((h) => h.authorization),
    ["Bearer t1", "Bearer t2", "Bearer t3", "Bearer t4"]);
});

test("Retry-After, and a signal that ends the wait", async () => {
  const late = [429, { ...PROBLEM, "Retry-After": "60" }, { detail: "full" }];
  const { url, heads } = await answers(late);
  const controller = new AbortController();
  const sent = publish(url, "x", { signal: controller.signal });
  await until("the first attempt", () => heads.length === 1);
  setTimeout(() => controller.abort(), 300);
  await assert.rejects(sent, { name: "AbortError" });
  assert.equal(heads.length, 1);
});

test("a page of a proxy is the message of the error", async () => {
  const { url } = await answers([500, { "Content-Type": "text/html" }, "<p>no"]);
  await assert.rejects(publish(url, "x"), { status: 500, message: "<p>no" });
});
