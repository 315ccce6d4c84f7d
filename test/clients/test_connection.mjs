// A tab's own connection of examples/browser, in a world without a browser:
// refusals, tokens, waits, the kept cursor, and what is made of an event.

import assert from "node:assert/strict";

import { defer, test } from "./tap.mjs";
import { pause, until } from "./waiting.mjs";
import { Tab, World } from "./world.mjs";

const QUICK = { idleTimeout: 60_000, maxDelay: 20 };

function world(seed) {
  const w = new World(seed);
  defer(() => w.finish());
  return w;
}

/** The connection that the gateway has of the tab. */
function flowOf(w, tab) {
  return until("a connection", () => [...w.flows].find((f) => f.tab === tab));
}

async function opened(w, options) {
  const tab = w.open({ ...QUICK, ...options });
  await until("open", () => tab.client.cursor !== null);
  return tab;
}

function refusal(status, text, headers = {}) {
  return () => new Response(text, { status, headers });
}

test("bytes come as bytes, and whole numbers stay whole", async () => {
  const w = world();
  const tab = await opened(w);
  const flow = await flowOf(w, tab);
  flow.send(`event: base64\ndata: AP+A\nid: 18446744073709551615-aaaaaa\n\n`);
  await until("it", () => tab.messages.length === 1);
  const [event] = tab.messages;
  assert.deepEqual(event.data, Uint8Array.of(0, 255, 128));
  assert.equal(event.sequence, 18446744073709551615n);
  assert.equal(event.id, "18446744073709551615-aaaaaa");
});

test("a message has its subject, its headers and its time", async () => {
  const w = world();
  const subjects = ["a.*", "b,c.>", "a.*"];
  const tab = await opened(w, { subjects });
  const query = w.requests[0].url.searchParams;
  assert.deepEqual(query.getAll("subject"), subjects);
  assert.equal(query.get("format"), "json");
  const flow = await flowOf(w, tab);
  const send = (name, seq, members) => {
    const id = `${seq}-aaaaaa`;
    const line = JSON.stringify({ seq: 1, id, ...members });
    flow.send(`event: ${name}\ndata: ${line}\nid: ${id}\n\n`);
  };
  const subject = "a.<b>\u202e", time = "2026-11-28T08:31:50.123456789Z";
  // A publisher may give an event a name that is one of the client's.
  send("state", w.last + 1n, {
    subject, time, data: "AP+A", encoding: "base64",
    headers: { ["__proto__"]: ["x"], ["constructor"]: ["1", "\r\n2"] },
    headers_base64: { Bin: ["/w==", "AP+A"] },
  });
  send("message", w.last + 2n, { subject: "a.b", time, data: '{"system": "ping"}' });
  await until("both", () => tab.messages.length === 2);
  const [first, second] = tab.messages;
  assert.deepEqual(first.data, Uint8Array.of(0, 255, 128));
  assert.deepEqual([first.name, first.subject, first.time], ["state", subject, time]);
  assert.deepEqual([...first.headers], [
    ["__proto__", ["x"]],
    ["constructor", ["1", "\r\n2"]],
    ["Bin", [Uint8Array.of(255), Uint8Array.of(0, 255, 128)]],
  ]);
  assert.deepEqual([second.name, second.subject, second.headers.size], ["message", "a.b", 0]);
  assert.equal(second.data, '{"system": "ping"}');
  assert.deepEqual(tab.got("state").map((e) => e.state), ["open"]);
});

test("a ping moves the cursor and is not dispatched, in both styles", async () => {
  const w = world();
  const tab = await opened(w);
  const flow = await flowOf(w, tab);
  flow.send(`data: {"system": "ping"}\nid: 9007199254740999-aaaaaa\n\n`);
  await until("it", () => tab.client.cursor === "9007199254740999-aaaaaa");
  flow.send(`: ping\nid: 9007199254741000-aaaaaa\n\n`);
  await until("it", () => tab.client.cursor === "9007199254741000-aaaaaa");
  assert.deepEqual(tab.log.map((e) => e.type), ["state", "open"]);
});

test("what is cut in two is not dispatched, and comes whole", async () => {
  const w = world();
  const tab = await opened(w);
  const flow = await flowOf(w, tab);
  flow.send(`data: half of it\nid: ${w.id(w.last + 1n)}`);
  await until("it is there", () => flow.bytes.length === 0);
  flow.cut();
  w.publish("all of it");
  await until("it", () => tab.messages.length > 0);
  assert.deepEqual(tab.messages.map((e) => e.data), ["all of it"]);
});

for (const status of [400, 401, 403, 404, 204]) {
  test(`${status} is final, with its text`, async () => {
    const w = world();
    w.refuse = refusal(status, status === 204 ? null : "no identity\n");
    const tab = w.open(QUICK);
    await until("rejected", () => tab.client.state === "rejected");
    const [error] = tab.got("error");
    assert.equal(error.status, status);
    assert.equal(error.message, status === 204 ? "status 204" : "no identity");
    assert.equal(error.final, true);
    await pause(60); // three times the most that it waits
    assert.equal(w.requests.length, 1);
    w.refuse = null;
    tab.client.renew();
    await until("open", () => tab.client.state === "open");
  });
}

for (const [status, headers, least] of [
  [503, {}, 0],
  [503, { "Retry-After": "1" }, 1000],
  [429, {}, 0],
]) {
  const name = `${status} ${JSON.stringify(headers)}`;
  test(`${name} is tried again, no sooner than asked`, async () => {
    const w = world();
    const answer = refusal(status, "draining\n", headers);
    let begun;
    w.refuse = () => {
      begun = Date.now();
      return answer();
    };
    const tab = w.open(QUICK);
    await until("rejected", () => tab.got("error").length === 1);
    assert.equal(tab.got("error")[0].final, false);
    w.refuse = null;
    await until("open", () => tab.client.state === "open");
    assert.ok(Date.now() - begun >= least - 2, `${Date.now() - begun} ms`);
  });
}

test("a response that is not an event stream is reported and retried", async () => {
  const w = world();
  w.refuse = refusal(200, "<h1>log in</h1>", { "Content-Type": "text/html" });
  const tab = w.open(QUICK);
  await until("told", () => tab.got("error").length > 0);
  assert.match(tab.got("error")[0].message, /not a stream: text\/html/);
  w.refuse = null;
  await until("open", () => tab.client.state === "open");
});

/** The times from attempt to attempt, of the first five after a cut. */
async function waits(retry, maxDelay) {
  const w = world();
  const tab = await opened(w, { maxDelay });
  const flow = await flowOf(w, tab);
  flow.send(`retry: ${retry}\n\n`);
  await until("it is there", () => flow.bytes.length === 0);
  w.requests.length = 0;
  const times = [Date.now()];
  w.refuse = () => {
    times.push(Date.now());
    return new Response("", { status: 500 });
  };
  flow.cut();
  await until("some attempts", () => times.length === 6);
  return times.slice(1).map((t, i) => t - times[i]);
}

function atLeast(found, expected) {
  for (const [i, least] of expected.entries()) {
    assert.ok(found[i] >= least - 2, `${found} at ${i}`);
  }
}

test("the gateway's retry is waited for; without success ever longer", async () => {
  atLeast(await waits(50, 400), [50, 50, 100, 200, 400]);
  atLeast(await waits(100, 20), [100, 100, 100, 100, 100]);
});

test("a connection without a byte is dead after 2.5 pings, measured", async () => {
  const w = world();
  const tab = w.open({ maxDelay: 20 });
  const flow = await flowOf(w, tab);
  await until("open", () => tab.client.cursor !== null);
  for (let i = 0; i < 3; i++) {
    await pause(20);
    w.ping();
  }
  const begun = Date.now();
  await until("another", () => !w.flows.has(flow) && w.flows.size === 1);
  // Never sooner than a second; without a measure it would be 75.
  assert.ok(Date.now() - begun > 900, `${Date.now() - begun}`);
  assert.match(tab.got("error")[0].message, /no byte for/);
});

// ---- tokens ---------------------------------------------------------------

/** Accepts the newest token only. */
function guarded(w) {
  w.valid = 1;
  w.asked = 0;
  w.refuse = ({ headers }) =>
    headers.get("Authorization") === `Bearer t${w.valid}`
      ? null
      : new Response("token has expired\n", { status: 401 });
  return async () => {
    w.asked++;
    await pause(5);
    return `t${w.valid}`;
  };
}

const EXPIRED = 'event: system\ndata: {"system": "expired"}\n\n';

test("a new token is fetched before the old one ends, and nothing is lost", async () => {
  const w = world();
  const token = guarded(w);
  const share = "events of alice";
  const tabs = [await opened(w, { token, share }), await opened(w, { token, share })];
  await until("one connection", () => w.flows.size === 1 && w.leaders.length === 1);
  const asked = w.asked;
  w.publish("before");
  w.valid = 2;
  const [old] = w.flows;
  old.send(EXPIRED);
  w.publish("between");
  await until("the new token", () => !w.flows.has(old) && w.flows.size === 1);
  w.publish("after");
  for (const tab of tabs) {
    await until("all", () => tab.messages.length === 3);
    assert.equal(tab.got("expired").length, 1);
    assert.equal(tab.got("error").length, 0);
    assert.equal(tab.wrong(), null);
  }
  assert.equal(w.asked, asked + 1);
});

test("a stream that ends while a token is fetched asks for no other", async () => {
  const w = world();
  const token = guarded(w);
  const tab = await opened(w, { token });
  const [old] = w.flows;
  w.valid = 2;
  let give;
  const slow = new Promise((resolve) => (give = resolve));
  tab.options.token = () => {
    w.asked++;
    return slow;
  };
  old.send(EXPIRED);
  await until("it is asked for", () => w.asked === 2);
  old.cut();
  w.publish("meanwhile");
  await until("told", () => tab.got("error").length === 1);
  await pause(60); // three times the most that it waits
  give("t2");
  await until("it", () => tab.messages.length === 1);
  assert.equal(w.asked, 2);
  assert.equal(w.requests.length, 2);
});

test("a token that is not another one is asked for again, not in a circle", async () => {
  const w = world();
  const token = guarded(w);
  const tab = await opened(w, { token });
  const [old] = w.flows;
  old.send(EXPIRED);
  await until("it is asked for", () => w.asked === 2);
  await pause(60); // three times the most that it waits
  assert.deepEqual([...w.flows], [old]);
  assert.equal(w.requests.length, 1);
  w.valid = 2;
  old.cut();
  await until("open", () => w.flows.size === 1);
  assert.equal(w.asked, 3);
  assert.ok(tab.got("error").every((e) => e.status === 0));
});

test("a rejected token is renewed once", async () => {
  const w = world();
  const token = guarded(w);
  const tab = await opened(w, { token });
  w.valid = 2;
  w.cutAll();
  await until("a refusal", () => tab.got("error").some((e) => e.status === 401));
  assert.equal(tab.got("error").find((e) => e.status === 401).final, false);
  await until("open", () => w.flows.size === 1);
  w.publish("served");
  await until("it", () => tab.messages.length === 1);
  assert.equal(w.asked, 2);
  assert.equal(tab.client.state, "open");

  w.refuse = refusal(401, "no");
  w.cutAll();
  await until("rejected", () => tab.client.state === "rejected");
  assert.equal(w.asked, 3);
});

test("a failed token request is reported and repeated", async () => {
  const w = world();
  const token = guarded(w);
  let broken = true;
  const tab = w.open({
    ...QUICK,
    token: () => {
      if (broken) {
        throw new Error("no network");
      }
      return token();
    },
  });
  await until("told", () => tab.got("error").length > 0);
  assert.equal(tab.got("error")[0].message, "no network");
  assert.equal(w.requests.length, 0);
  broken = false;
  await until("open", () => tab.client.state === "open");
});

test("a rejected string is final until renew() has another", async () => {
  const w = world();
  guarded(w);
  const tab = w.open({ ...QUICK, token: "t0" });
  await until("rejected", () => tab.client.state === "rejected");
  tab.client.renew("t1");
  await until("open", () => tab.client.state === "open");
  w.valid = 2;
  tab.client.renew("t2");
  await until("the new one", () =>
    w.requests.at(-1).headers.get("Authorization") === "Bearer t2" &&
    w.flows.size === 1);
});

test("a rejected leader releases the lock to a tab with a better token", async () => {
  const w = world();
  const token = guarded(w);
  const share = "events of alice";
  const tabs = [await opened(w, { token: "t1", share }), await opened(w, { token, share })];
  await until("one connection", () => w.flows.size === 1 && w.leaders.length === 1);
  w.valid = 2;
  w.cutAll();
  w.publish("on");
  await until("rejected", () => tabs[0].client.state === "rejected");
  await until("the other leads", () => tabs[1].client.leader && tabs[1].wrong() === null);
});

// ---- the kept cursor ------------------------------------------------------

test("a kept cursor outlives the page, in the tab or for all tabs", async () => {
  for (const keep of ["session", "local"]) {
    const w = world();
    const before = await opened(w, { keep });
    w.publish("one");
    await until("one", () => before.messages.length === 1);
    before.kill();
    w.publish("two");
    const after = new Tab(w, { ...QUICK, keep }, before.session);
    w.tabs.push(after);
    await until("two", () => after.messages.length === 1);
    assert.equal(after.messages[0].data, "two");
    assert.equal(after.begin, null); // by its cursor and no other way
  }
});

test("a tab that is behind does not move back what is kept for all", async () => {
  const w = world();
  const first = await opened(w, { keep: "local" });
  const begin = first.client.cursor;
  w.publish("one");
  w.publish("two");
  await until("both", () => first.messages.length === 2);
  const kept = () => [...w.local.items.values()];
  assert.deepEqual(kept(), [first.client.cursor]);
  const values = [];
  w.local.setItem = (_, value) => values.push(value);
  const late = await opened(w, { keep: "local", cursor: begin });
  await until("all of it", () => late.messages.length === 2 && w.flows.size === 1);
  assert.deepEqual(values.filter((v) => v !== first.client.cursor), []);
});

test("a cursor that is none is an error at once", async () => {
  const w = world();
  assert.throws(() => w.open({ cursor: "yesterday" }), TypeError);
});

// ---- the end --------------------------------------------------------------

test("close() and a signal end it, also within a read", async () => {
  for (const how of ["close", "signal"]) {
    const w = world();
    const controller = new AbortController();
    const tab = await opened(w, { signal: controller.signal });
    const flow = await flowOf(w, tab);
    tab.client.addEventListener("message", () =>
      how === "close" ? tab.client.close() : controller.abort());
    flow.controller.enqueue(new TextEncoder().encode(
      `data: a\nid: ${w.id(w.last + 1n)}\n\ndata: b\nid: ${w.id(w.last + 2n)}\n\n`));
    await until("closed", () => tab.client.state === "closed");
    await until("no connection", () => w.flows.size === 0);
    assert.deepEqual(tab.messages.map((e) => e.data), ["a"]);
    assert.equal(tab.client.cursor, w.id(w.last + 1n));
    assert.equal(tab.got("close").length, 1);
    assert.equal(tab.got("error").length, 0);
  }
});
