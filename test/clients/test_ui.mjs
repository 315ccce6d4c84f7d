// The live page of --ui: in Chromium, and what is not drawing in Firefox too.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { BROWSERS, Rig, openBrowser, servePages, test, until } from "./rig.mjs";
import { UiPage } from "./ui_page.mjs";

const browsers = {};
for (const name of BROWSERS) {
  browsers[name] = await openBrowser(name, { acceptInsecureCerts: true });
}
const { chromium } = browsers;

async function startWith(...args) {
  return Rig.start("--ui", ...args);
}

/** A page that follows alice's events. */
async function follow(rig, options = {}) {
  const ui = await UiPage.open(options.browser ?? chromium, rig.gateway.origin, {
    hash: `#id=alice&deliver=${options.deliver ?? "new"}`,
    ...options,
  });
  await ui.untilState("open");
  return ui;
}

function publishAll(rig, list) {
  return Promise.all(list.map((data) => rig.publish("alice", data)));
}

function numbered(word, from, to) {
  const list = [];
  for (let i = from; i <= to; i++) {
    list.push(`${word} ${i}`);
  }
  return list;
}

for (const name of BROWSERS) {
  test(`${name}: events appear, and a payload stays text`, async () => {
    const rig = await startWith("--stream", "Events");
    const ui = await follow(rig, { browser: browsers[name] });
    const hostile =
      "</script><img src=x onerror=alert(1)><a href=//elsewhere.example>x</a>";
    await rig.publish("alice", "one");
    await rig.publish("alice", hostile);
    await rig.publish("bob", "another's");
    await rig.publish("alice", "three");
    await ui.untilPayloads(["one", hostile, "three"]);
    assert.deepEqual(
      (await ui.rows()).map((r) => r[1]),
      ["1", "2", "4"],
    );
    assert.equal(await ui.text("said"), "Following events.alice");
    assert.equal(await ui.text("stream"), "Events");
    await ui.untilText("events", "3");
    await ui.untilText("at", /^4-[0-9a-f]{6}$/);
    assert.equal(await ui.page.$("#list img, #list a"), null);
    await ui.untilText("latency", /^-?\d+ ms$|^\d+\.\d s$/);
  });

  test(`${name}: a restart of the gateway costs no event`, async () => {
    const rig = await startWith();
    const ui = await follow(rig, { browser: browsers[name] });
    await publishAll(rig, numbered("before", 1, 3));
    await ui.untilPayloads(numbered("before", 1, 3));
    await ui.untilText("at", /^3-/);
    const cursor = await ui.text("at");
    await rig.gateway.kill();
    await ui.untilState("wait");
    await publishAll(rig, numbered("while", 1, 3));
    await rig.gateway.start();
    await ui.untilState("open");
    await publishAll(rig, numbered("after", 1, 3));
    await ui.untilPayloads([
      ...numbered("before", 1, 3),
      ...numbered("while", 1, 3),
      ...numbered("after", 1, 3),
    ]);
    const notes = await ui.notes();
    assert.match(notes[0], /^Lost: /);
    assert.ok(notes.at(-1).endsWith(`, from ${cursor}`), notes);
    await ui.untilText("reconnects", "1");
  });

  test(`${name}: a rejection is shown`, async () => {
    const rig = await startWith();
    const ui = await UiPage.open(browsers[name], rig.gateway.origin);
    await ui.fill("id", "a.b");
    await ui.click("connect");
    await ui.untilText("rejection-status", "400");
    assert.match(await ui.text("rejection-text"), /user_id "a\.b" is not one/);
    assert.equal(await ui.state(), "bad");
    await ui.fill("id", "\u0416");
    await ui.click("connect");
    await ui.untilText("rejection-status", "Not sent");
    await ui.fill("id", "alice");
    await ui.click("connect");
    await ui.untilState("open");
    assert.equal(await ui.page.$eval("#rejection", (e) => e.hidden), true);
  });
}

const OFFER = ["--subject", "events.{id}", "--subject", "news.>"].concat(
  ["--allow-sub", "events.*.{id}"],
);

for (const name of BROWSERS) {
  test(`${name}: several subjects, and those of a choice`, async () => {
    const rig = await startWith(...OFFER);
    await rig.nats.setSubjects(["events.>", "news.>"]);
    const ui = await follow(rig, { browser: browsers[name] });
    assert.equal(await ui.text("said"), "Following events.alice, news.>");
    const publish = async (subject) => rig.nats.publish(subject, subject);
    for (const subject of ["events.bob", "events.alice", "news.eu.x", "events.7.alice"]) {
      await publish(subject);
    }
    await publish("news.us");
    await ui.untilPayloads(["events.alice", "news.eu.x", "news.us"]);
    assert.deepEqual(await ui.columns("subject"), await ui.payloads());
    await ui.fill("subject-filter", "news.*");
    await ui.untilText("kept", "1 of 3 shown");
    assert.deepEqual(await ui.payloads(), ["news.us"]);

    // What the gateway does not offer is rejected, and the page has its words.
    await ui.fill("subjects", "news.eu.>  events.*");
    await ui.click("connect");
    await ui.untilText("rejection-status", "403");
    assert.match(await ui.text("rejection-text"), /events\.\*/);
    await ui.fill("subjects", "news..eu");
    await ui.click("connect");
    await ui.untilText("rejection-status", "400");
    await ui.fill("subjects", "news.eu.> events.7.alice");
    await ui.fill("subject-filter", "");
    await ui.click("all");
    await ui.click("connect");
    await ui.untilPayloads(["news.eu.x", "events.7.alice"]);
    assert.equal(await ui.text("said"), "Following news.eu.>, events.7.alice");
    const { hash } = new URL(ui.page.url());
    assert.deepEqual([...new URLSearchParams(hash.slice(1))], [
      ["id", "alice"],
      ["deliver", "all"],
      ["subject", "news.eu.>"],
      ["subject", "events.7.alice"],
    ]);
  });
}

test("without identities the page asks for none", async () => {
  const rig = await startWith("--auth", "none", "--subject", "events.*");
  await rig.publish("a", "before");
  const ui = await UiPage.open(chromium, rig.gateway.origin);
  assert.equal(await ui.page.$eval("#id-field", (e) => e.hidden), true);
  assert.equal(await ui.page.evaluate(() => document.activeElement.id), "subjects");
  assert.equal(await ui.page.$eval("#subjects", (e) => e.placeholder), "events.*");
  const other = await UiPage.open(chromium, rig.gateway.origin,
    { hash: "#deliver=all" });
  await other.untilPayloads(["before"]);
  assert.equal(await other.text("said"), "Following events.*");
});

test("by the keyboard alone", async () => {
  const rig = await startWith();
  await rig.publish("alice", '{"n":12345678901234567890,"of":["a",{}]}');
  await rig.publish("alice", "second");
  const ui = await UiPage.open(chromium, rig.gateway.origin);
  const keys = ui.page.keyboard;
  const focused = () => ui.page.evaluate(() => document.activeElement.id);
  const tabTo = async (id) => {
    for (let i = 0; i < 20 && (await focused()) !== id; i++) {
      await keys.press("Tab");
    }
    assert.equal(await focused(), id);
  };
  assert.equal(await focused(), "id");
  await keys.type("alice");
  await keys.press("Tab");
  assert.equal(await focused(), "subjects");
  await keys.press("Tab");
  assert.equal(await focused(), "new");
  await keys.press("ArrowRight");
  assert.equal(await focused(), "all");
  await keys.press("Enter");
  await ui.untilState("open");
  await until("two rows", async () => (await ui.rows()).length === 2);
  await tabTo("list");
  await keys.press("Home");
  const active = () => ui.page.$eval("#list", (e) => {
    const id = e.getAttribute("aria-activedescendant");
    return id && document.getElementById(id).textContent;
  });
  assert.match(await active(), /^1.*12345678901234567890/);
  await keys.press("Enter");
  assert.equal(await focused(), "detail-title");
  assert.equal(
    await ui.text("payload"),
    '{\n  "n": 12345678901234567890,\n  "of": [\n    "a",\n    {}\n  ]\n}',
  );
  await keys.press("Escape");
  assert.equal(await focused(), "list");
  await keys.press("ArrowDown");
  assert.match(await active(), /second$/);
  await keys.press("Space");
  assert.equal(await ui.text("pause"), "Go on");
  await keys.press("/");
  assert.equal(await focused(), "filter");
});

test("thousands of events, and the page goes on answering", async () => {
  const EVENTS = 5000;
  const rig = await startWith();
  const ui = await follow(rig);
  await ui.page.evaluate(() => {
    globalThis.longest = 0;
    new PerformanceObserver((list) => {
      for (const task of list.getEntries()) {
        globalThis.longest = Math.max(globalThis.longest, task.duration);
      }
    }).observe({ type: "longtask" });
  });
  const all = numbered("x".repeat(200), 1, EVENTS);
  for (let i = 0; i < EVENTS; i += 500) {
    await publishAll(rig, all.slice(i, i + 500));
  }
  await until("all of them", async () =>
    (await ui.text("events")).replace(/\D/g, "") === String(EVENTS),
  );
  await until("the newest in sight", async () =>
    (await ui.payloads()).at(-1)?.endsWith(` ${EVENTS}`),
  );
  const { longest, elements } = await ui.page.evaluate(() => ({
    longest: globalThis.longest,
    elements: document.querySelectorAll("*").length,
  }));
  const heap = (await ui.page.metrics()).JSHeapUsedSize;
  console.error(`# longest task ${longest} ms, ${elements} elements, ` +
    `heap ${Math.round(heap / 1e6)} MB`);
  assert.ok(longest < 2000, `a task of ${longest} ms`);
  assert.ok(elements < 500, `${elements} elements`);
  assert.ok(heap < 64e6, `${heap} bytes`);
  await ui.fill("filter", "499 -1499 -2499 -3499 -4499");
  await until("what the filter lets through", async () =>
    (await ui.payloads()).length === 11,
  );
});

test("a list that is read keeps its place", async () => {
  const rig = await startWith();
  const ui = await follow(rig);
  await publishAll(rig, numbered("event", 1, 60));
  await until("the last", async () =>
    (await ui.payloads()).at(-1) === "event 60",
  );
  await ui.page.focus("#list");
  await ui.page.keyboard.press("Home");
  await until("the first", async () => (await ui.payloads())[0] === "event 1");
  await publishAll(rig, numbered("later", 1, 5));
  await ui.untilText("events", "65");
  assert.equal((await ui.payloads())[0], "event 1");
  await ui.click("newest");
  await until("the newest", async () =>
    (await ui.payloads()).at(-1) === "later 5",
  );
});

test("a gap, pings, and the limit of subscriptions", async () => {
  const rig = await startWith("--ping-interval", "100ms",
    "--max-subscriptions-per-id", "1");
  await publishAll(rig, numbered("old", 1, 3));
  const ui = await UiPage.open(chromium, rig.gateway.origin);
  await ui.fill("id", "alice");
  await ui.fill("cursor", "2-000000");
  await ui.click("connect");
  await ui.untilPayloads(numbered("old", 1, 3));
  assert.deepEqual(await ui.notes(), [
    "Reset: the stream was recreated or rolled back; continues with 1",
  ]);
  await ui.untilText("gaps", "1");
  await ui.untilText("pings", /^[1-9]/);
  const other = await UiPage.open(chromium, rig.gateway.origin,
    { hash: "#id=alice" });
  await other.untilText("rejection-status", "429");
  assert.equal(await other.state(), "wait");
  await ui.click("disconnect");
  await ui.untilText("said", "Disconnected");
  await rig.gateway.waitStreams(0);
  await other.click("again");
  await other.untilState("open");
});

test("pause, clear, copy as lines", async () => {
  const rig = await startWith();
  const ui = await follow(rig);
  await publishAll(rig, numbered("a", 1, 3));
  await ui.untilPayloads(numbered("a", 1, 3));
  await ui.click("pause");
  await publishAll(rig, numbered("b", 1, 2));
  await ui.untilText("kept", "2 new while paused");
  assert.deepEqual(await ui.payloads(), numbered("a", 1, 3));
  await ui.click("pause");
  await ui.untilPayloads([...numbered("a", 1, 3), ...numbered("b", 1, 2)]);
  await ui.page.evaluate(() => {
    globalThis.copied = null;
    navigator.clipboard.writeText = async (text) => (globalThis.copied = text);
  });
  await ui.fill("filter", "b");
  await ui.untilText("kept", "2 of 5 shown");
  await ui.click("copy");
  const lines = (await ui.page.evaluate(() => globalThis.copied))
    .trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(lines.map((l) => l.data), numbered("b", 1, 2));
  assert.equal(lines[0].subject, "events.alice");
  await ui.click("clear");
  await ui.untilText("empty", /No event yet/);
  await rig.publish("alice", "b 3");
  await ui.untilPayloads(["b 3"]);
});

test("binary payloads, in hex", async () => {
  const rig = await startWith();
  const ui = await follow(rig);
  await rig.publish("alice", Buffer.from([0xff, 0x00, 0x41]));
  await ui.untilPayloads(["3 bytes, binary"]);
  await ui.page.focus("#list");
  await ui.page.keyboard.press("ArrowUp");
  await ui.page.keyboard.press("Enter");
  assert.match(await ui.text("payload"), /^000000 {2}ff 00 41 +\.\.A$/);
  await ui.click("as-raw");
  assert.equal(await ui.text("payload"), "/wBB");
});

// Text that would run, hide, or turn its surroundings around.
const TRAP = "\u202e</span><img src=x onerror=alert(1)>\u200b";
const SHOWN = "‹U+202E›</span><img src=x onerror=alert(1)>‹U+200B›";

test("subjects and headers are shown as text, and exactly", async () => {
  const rig = await startWith();
  const ui = await follow(rig);
  const headers = [
    ["Kind", "created"],
    ["__proto__", "p"],
    ["Kind", TRAP],
    [TRAP, "v"],
    ["Long", "x".repeat(50_000)],
  ];
  await rig.nats.publish("events.alice", `a${TRAP}`, headers);
  await rig.publish("alice", "plain");
  await ui.untilPayloads([`a${SHOWN.replace("‹U+200B›", "\u200b")}`, "plain"]);
  const [row] = await ui.columns("headers");
  assert.ok(row.startsWith(`Kind: created  Kind: ${SHOWN}`), row);
  await ui.page.$eval(".row", (e) => e.click());
  const list = (await ui.pairs("headers")).map(([n, v]) => [n, v.slice(0, 200)]);
  const long = `${"x".repeat(2000)}… (48,000 more)`;
  assert.deepEqual(list, [
    ["Kind", "created"],
    ["Kind", SHOWN],
    ["__proto__", "p"],
    [SHOWN, "v"],
    ["Long", long.slice(0, 200)],
  ]);
  assert.equal((await ui.pairs("headers")).at(-1)[1], long);
  assert.equal(await ui.page.$("img"), null);
  // The payload keeps its room, whatever is above it.
  assert.ok(await ui.page.$eval("#payload", (e) => e.clientHeight) >= 80);
  await ui.fill("filter", "CREATED");
  await ui.untilText("kept", "1 of 2 shown");
  await ui.untilPayloads([`a${SHOWN.replace("‹U+200B›", "\u200b")}`]);
  await ui.page.evaluate(() => {
    navigator.clipboard.writeText = async (text) => (globalThis.copied = text);
  });
  await ui.click("copy");
  const copied = JSON.parse(await ui.page.evaluate(() => globalThis.copied));
  assert.deepEqual(copied.headers.Kind, ["created", TRAP]);
  assert.equal(copied.data, `a${TRAP}`);
});

test("behind HAProxy, which sets the identity", async () => {
  const rig = await startWith();
  const { origin } = await rig.proxy("haproxy", { tls: true });
  const login = { username: "alice", password: "secret" };
  const ui = await UiPage.open(chromium, origin, { login });
  await ui.click("connect");
  await ui.untilState("open");
  await publishAll(rig, numbered("before", 1, 2));
  await ui.untilPayloads(numbered("before", 1, 2));
  await rig.gateway.stop();
  await rig.publish("alice", "while");
  await rig.gateway.start();
  await ui.untilPayloads([...numbered("before", 1, 2), "while"]);
});

test("a phone's width", async () => {
  const rig = await startWith();
  const ui = await UiPage.open(chromium, rig.gateway.origin, { width: 360 });
  assert.equal(await ui.overflow(), 0);
  await ui.fill("id", "a".repeat(128));
  await ui.fill("subjects", `events.${"a".repeat(128)} `.repeat(9));
  await ui.click("connect");
  await ui.untilState("open");
  assert.equal(await ui.page.$eval("#ask", (e) => e.hidden), true);
  await rig.publish("a".repeat(128), "x".repeat(2000));
  await until("the event", async () => (await ui.payloads()).length === 1);
  assert.equal(await ui.overflow(), 0);
  await ui.page.$eval(".row", (e) => e.click());
  assert.equal(await ui.page.$eval("#detail", (e) => e.hidden), false);
  assert.equal(await ui.overflow(), 0);
  await ui.click("close");
  await ui.click("setup");
  assert.equal(await ui.page.$eval("#ask", (e) => e.hidden), false);
  assert.equal(await ui.overflow(), 0);
});

/** The page of a gateway, on an origin where `events` answers in its place. */
async function pageBefore(events, change = (text) => text) {
  const rig = await startWith();
  const page = await fetch(`${rig.gateway.origin}/`);
  const body = change(await page.text());
  const policy = page.headers.get("Content-Security-Policy");
  return servePages({
    "/": (_, response) => {
      response.setHeader("Content-Security-Policy", policy);
      response.setHeader("Content-Type", "text/html; charset=utf-8");
      response.end(body);
    },
    "/api/v1/events": events,
  });
}

test("lines of JSON, with subject and latency", async () => {
  let stream, asked;
  const { origin } = await pageBefore((request, response) => {
    asked = request;
    response.writeHead(200, { "Content-Type": "application/x-ndjson" });
    stream = response;
    response.write('{"system":"open","id":"7-aaaaaa"}\n');
  });
  const ui = await UiPage.open(chromium, origin, {
    hash: "#id=alice&subject=e.*&subject=a,b.%3E&subject=%2B%25%26é",
  });
  await ui.untilState("open");
  assert.match(asked.headers.accept, /^application\/x-ndjson,/);
  const query = new URL(asked.url, origin).searchParams;
  assert.deepEqual(query.getAll("subject"), ["e.*", "a,b.>", "+%&é"]);
  await ui.untilText("at", "7-aaaaaa");
  const old = "2020-01-01T00:00:00.123456789Z";
  const soon = new Date(Date.now() + 60_000).toISOString();
  const write = (what) => stream.write(`${JSON.stringify(what)}\n`);
  const message = (seq, time, data, more = {}) =>
    write({ seq, subject: "e.al", time, id: `${seq}-aaaaaa`, ...more, data });
  message(8, old, "old");
  message(9, soon, "soon");
  message(10, old, "/wBB", { encoding: "base64" });
  message(10, old, "again");
  stream.write("\n");
  write({ system: "ping", id: "11-aaaaaa" });
  const gap = { reason: "expired", after: 11, first: 20 };
  write({ system: "gap", ...gap, id: "19-aaaaaa" });
  await ui.untilText("gaps", "1");
  await ui.untilPayloads(["old", "soon", "3 bytes, binary", "again"]);
  assert.deepEqual(await ui.notes(), [
    "Out of order: 10 after 10",
    "Gap: messages after 11 and before 20 are missing",
  ]);
  await ui.untilText("pings", /^1/);
  await ui.untilText("at", "19-aaaaaa");
  // What is older than the page says nothing of latency; a clock that is wrong
  // is seen.
  await ui.untilText("latency", /^-\d+ ms$/);
  assert.equal((await ui.columns("subject"))[0], "e.al");
});

test("a token that expires is replaced, and the stream goes on", async () => {
  const asked = [];
  const open = (response, n) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write(`retry: 50\ndata: ${n}\nid: ${n}-aaaaaa\n\n`);
  };
  const { origin } = await pageBefore(
    ({ headers }, response) => {
      asked.push([headers.authorization, headers["last-event-id"] ?? null]);
      if (asked.length === 1) {
        open(response, 1);
        response.end('event: system\ndata: {"system": "expired"}\n\n');
      } else if (headers.authorization === "Bearer second") {
        open(response, 2);
      } else {
        response.writeHead(401, { "Content-Type": "text/plain" });
        response.end("the token has expired\n");
      }
    },
    (text) => text.replace('data-auth="header"', 'data-auth="jwt"'),
  );
  const ui = await UiPage.open(chromium, origin);
  await ui.page.type("#token", "first");
  await ui.click("connect");
  await ui.untilText("rejection-status", "401");
  assert.equal(await ui.text("rejection-text"), "the token has expired");
  assert.match((await ui.notes())[0], /^The token expires/);
  await ui.page.type("#token", "second");
  await ui.click("connect");
  await ui.untilPayloads(["1", "2"]);
  assert.deepEqual(asked, [
    ["Bearer first", null],
    ["Bearer first", "1-aaaaaa"],
    ["Bearer second", "1-aaaaaa"],
  ]);
  assert.ok(!ui.page.url().includes("second"));
});

test("an answer that is no stream, and one that falls silent", async () => {
  let answers = 0;
  const { origin } = await pageBefore(
    (_, response) => {
      answers++;
      if (answers > 1) {
        response.writeHead(200, { "Content-Type": "text/html" });
        response.end("<h1>log in</h1>");
        return;
      }
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      response.write("retry: 10\nid: 1-aaaaaa\n\n");
    },
    // Two pings and five seconds are 200 ms then.
    (text) => text.replace('data-ping="30000"', 'data-ping="-2400"'),
  );
  const ui = await UiPage.open(chromium, origin, { hash: "#id=alice" });
  const said = "not an event stream, but text/html";
  await ui.untilText("rejection-text", said);
  assert.match((await ui.notes())[0], /^Lost: no data for \d s$/);
  assert.equal(answers, 2);
});

/** A name of one of the page's scripts, without a page. */
function take(file, name) {
  const root = process.env.SLUICE_TEST_ROOT;
  const source = readFileSync(`${root}/src/ui/${file}`, "utf8");
  return new Function(`${source}; return ${name};`)();
}

test("the page keeps a bounded number of events, and of characters", async () => {
  const Store = take("store.js", "Store");
  const store = new Store();
  const entry = (n, data, more = {}) =>
    ({ n, kind: "message", id: `${n}`, subject: "", headers: [], data, ...more });
  for (let n = 1; n <= 20_100; n++) {
    store.add(entry(n, `${n % 2 ? "odd" : "even"} ${n}`));
  }
  assert.deepEqual([store.all.length, store.shown.length], [20_000, 20_000]);
  assert.deepEqual([store.dropped, store.shifted], [100, 100]);
  assert.equal(store.all.at(0).n, 101);
  store.filter("ODD -3", "");
  assert.ok(store.shown.slice().every((e) => e.n % 2 && !/3/.test(e.id)));
  assert.equal(store.shown.at(0).n, 101);
  assert.equal(store.find(store.all.at(1)), -1);
  assert.equal(store.find(store.shown.at(7)), 7);
  for (let n = 30_000; n < 30_010; n++) {
    store.add(entry(n, "x".repeat(8 * 1024 * 1024)));
  }
  assert.equal(store.all.length, 3);
  assert.equal(store.shown.length, 0);
  const large = [["Name", "x".repeat(20 * 1024 * 1024), false]];
  store.add(entry(30_010, "", { headers: large }));
  store.add(entry(30_011, "", { subject: "x".repeat(20 * 1024 * 1024) }));
  assert.equal(store.all.length, 1);
});

test("the filter by subject takes parts, patterns, and whole subjects", () => {
  const Store = take("store.js", "Store");
  const subjects = ["orders.7.eu", "orders.7.eu.x", "Orders.8.us", "news.eu",
    "news.eu\u00a0x", "news", "a+b(.*)"];
  const shown = (filter, words = "") => {
    const store = new Store();
    subjects.forEach((subject, n) =>
      store.add({ n, kind: "message", subject, headers: [], data: "" }));
    store.add({ n: 9, kind: "gap", subject: "", headers: [], data: "" });
    store.filter(words, filter);
    const found = store.shown.slice();
    assert.equal(found.pop().kind, "gap");
    return found.map(({ subject }) => subjects.indexOf(subject));
  };
  const all = [0, 1, 2, 3, 4, 5, 6];
  assert.deepEqual(shown(""), all);
  assert.deepEqual(shown("  "), all);
  assert.deepEqual(shown("orders"), [0, 1, 2]);
  assert.deepEqual(shown("orders.*.eu"), [0]);
  assert.deepEqual(shown("orders.*"), []);
  assert.deepEqual(shown("orders.> =news"), [0, 1, 5]);
  assert.deepEqual(shown("news.>"), [3, 4]);
  assert.deepEqual(shown(">"), all);
  assert.deepEqual(shown("-news"), [0, 1, 2, 6]);
  assert.deepEqual(shown("eu -=news.eu -orders.*.eu"), [1, 4]);
  assert.deepEqual(shown("=news.eu\u00a0x"), [4]);
  assert.deepEqual(shown("b(.*)"), [6]);
  assert.deepEqual(shown("news", "word"), []);
});

test("JSON is laid out as it was sent", async () => {
  const prettyJson = take("json.js", "prettyJson");
  const laidOut = (text) => prettyJson(text)?.map(([, t]) => t).join("");
  assert.equal(laidOut("[]"), "[]");
  assert.equal(
    laidOut(String.raw`{"a":1e999,"a":[-0.10,true],"\\":"\"{,\u0041"}`),
    [
      "{",
      '  "a": 1e999,',
      '  "a": [',
      "    -0.10,",
      "    true",
      "  ],",
      String.raw`  "\\": "\"{,\u0041"`,
      "}",
    ].join("\n"),
  );
  for (const other of ["", "12", '"x"', "{", "{a:1}", "hello {}"]) {
    assert.equal(prettyJson(other), null, other);
  }
});

test("events with JSON have what lines have, and raw ones their payload", () => {
  const EventFrames = take("parser.js", "EventFrames");
  const events = [];
  const frames = new EventFrames({
    event: (event) => events.push(event),
    cursor: () => {},
  });
  const send = (type, data, id) =>
    frames.push(`event: ${type}\ndata: ${data}\nid: ${id}\n\n`);
  const members = { seq: 1, subject: "a.b", time: "2026-11-28T08:31:50.5Z", id: "1-a" };
  send("order.paid", JSON.stringify({ ...members, data: "AP+A", encoding: "base64",
    headers: { A: ["1", "2"] }, headers_base64: { B: ["/w=="] } }), "1-a");
  // The payload of another gateway, which looks like a message.
  const raw = JSON.stringify({ ...members, data: "no message" });
  send("message", raw, "2-a");
  send("base64", "AP+A", "3-a");
  send("message", "null", "4-a");
  const shown = events.map((e) => [e.type, e.subject, e.data, e.binary]);
  assert.deepEqual(shown, [
    ["order.paid", "a.b", "AP+A", true],
    ["message", "", raw, false],
    ["base64", "", "AP+A", true],
    ["message", "", "null", false],
  ]);
  assert.equal(events[0].time, Date.parse(members.time));
  assert.deepEqual(events[0].headers,
    [["A", "1", false], ["A", "2", false], ["B", "/w==", true]]);
  assert.deepEqual(events[1].headers, []);
});

test("frames that are cut anywhere are the same", async () => {
  const EventFrames = take("parser.js", "EventFrames");
  const text =
    "retry: 7\nid: 1-a\n\ndata: x\r\ndata\r\ndata:  y\rid: 2-b\r\n\r\n" +
    ": c\nid: 3-c\n\nevent: gap\ndata: {}\nid:4-d\n\nid: n\0l\ndata:\n\n" +
    'data: {"system": "ping"}\nid: 5-e\n\nunknown: z\nretry: 1x\n\n' +
    'event: system\ndata: {"system": "open"}\nid: 6-f\n\n' +
    'event: system\ndata: {"system": "ping"}\nid: 7-g\n\n' +
    'event: system\ndata: {"system": "expired"}\n\ndata: cut';
  const read = (pieces) => {
    const said = [];
    const frames = new EventFrames({
      event: ({ kind, id, data }) => said.push([kind, id, data]),
      cursor: (id) => said.push(id),
      retry: (ms) => said.push(ms),
    });
    pieces.forEach((piece) => frames.push(piece));
    return said;
  };
  const want = [
    7, "1-a",
    "2-b", ["message", "2-b", "x\n\n y"],
    "3-c", ["ping", "3-c", ""],
    "4-d", ["gap", "4-d", "{}"],
    "4-d", ["message", "4-d", ""],
    "5-e", ["ping", "5-e", '{"system": "ping"}'],
    "5-e",
    "6-f",
    "7-g", ["ping", "7-g", '{"system": "ping"}'],
    "7-g", ["system", "7-g", '{"system": "expired"}'],
  ];
  assert.deepEqual(read([text]), want);
  assert.deepEqual(read([...text]), want);
  for (let i = 1; i < text.length; i++) {
    assert.deepEqual(read([text.slice(0, i), text.slice(i)]), want);
  }
});
