// The client of examples/browser in Chromium: three tabs of one origin, one
// connection at the gateway.

import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { request as ask } from "node:http";
import { join } from "node:path";

import { makeFolder, removeFolder } from "./child.mjs";
import {
  Rig,
  defer,
  openBrowser,
  openPage,
  servePages,
  test,
  until,
} from "./rig.mjs";

const FOLDER = join(process.env.SLUICE_TEST_ROOT, "examples/browser");
const FILES = ["sluice.js", "connection.js", "parser.js", "cursor.js", "message.js"];

const name = process.argv[2];
const browser = await openBrowser(name);
// Firefox shows that the client is not Chromium's alone, by what comes first.
const more = name === "chromium" ? test : () => {};

function routes() {
  const read = (file) => readFileSync(join(FOLDER, file));
  const scripts = FILES.map((file) => [
    `/${file}`,
    { type: "text/javascript", body: read(file) },
  ]);
  const page = { type: "text/html", body: read("index.html") };
  return { ...Object.fromEntries(scripts), "/index.html": page };
}

/** In the page: follows, and writes down what is dispatched. */
async function followInPage(url, options) {
  const { Sluice } = await import("/sluice.js");
  window.client = new Sluice(url, options);
  window.seen = { messages: [], gaps: [], resets: [], errors: [], expired: 0 };
  const on = (type, fn) => window.client.addEventListener(type, fn);
  on("message", (e) =>
    window.seen.messages.push({
      id: e.id,
      subject: e.subject,
      headers: Array.from(e.headers),
      data: typeof e.data === "string" ? e.data : Array.from(e.data),
    }),
  );
  on("gap", (e) => window.seen.gaps.push([String(e.after), String(e.first)]));
  on("reset", (e) => window.seen.resets.push(String(e.first)));
  on("error", (e) => window.seen.errors.push([e.status, e.message, e.final]));
  on("expired", () => window.seen.expired++);
}

const state = () => [
  window.client.state,
  window.client.leader,
  window.client.cursor,
];
const seen = () => window.seen;
const texts = async (page) =>
  (await page.evaluate(seen)).messages.map((m) => m.data);

/** Pages of another origin, the gateway, and `number` tabs that follow alice. */
async function begin(number, { options = {}, args = [] } = {}) {
  const pages = await servePages(routes());
  const rig = await Rig.start("--cors-origin", pages.origin, ...args);
  const url = `${rig.gateway.origin}/api/v1/events`;
  const open = async (more = {}) => {
    const page = await openPage(browser, pages.origin);
    const all = { headers: { user_id: "alice" }, ...options, ...more };
    page.follow = () => page.evaluate(followInPage, url, all);
    await page.follow();
    return page;
  };
  const tabs = [];
  for (let i = 0; i < number; i++) {
    tabs.push(await open());
  }
  await settled(rig, tabs);
  return { rig, tabs, open };
}

/** Until all are open and share one connection. */
async function settled(rig, tabs) {
  let states = [];
  await until(
    () => `one connection: ${JSON.stringify(states)}`,
    async () => {
      states = await Promise.all(tabs.map((t) => t.evaluate(state)));
      return (
        states.every(([s, , cursor]) => s === "open" && cursor !== null) &&
        states.filter(([, leads]) => leads).length === 1 &&
        (await rig.gateway.subscriptions()).length === 1
      );
    },
  );
}

/** Every tab has had these, in this order, and nothing else. */
async function expectAll(tabs, expected) {
  for (const tab of tabs) {
    let has = [];
    await until(
      () => `${has.length} of ${expected.length}: ${has.slice(-3)}`,
      async () => (has = await texts(tab)).length >= expected.length,
    );
    assert.deepEqual(has, expected);
  }
}

/** The leader first. */
async function split(tabs) {
  const leads = await Promise.all(
    tabs.map((t) => t.evaluate(() => window.client.leader)),
  );
  const at = leads.indexOf(true);
  return [tabs[at], tabs.filter((_, i) => i !== at)];
}

test("three tabs have one connection, and each of them every event", async () => {
  const { rig, tabs } = await begin(3);
  const sent = await rig.publishMany("alice", "event", 200);
  await rig.publish("bob", "not alice's");
  await rig.publish("alice", Buffer.from([0xff, 0x00, 0xfe]));
  await expectAll(tabs, [...sent, [0xff, 0x00, 0xfe]]);
  assert.equal((await rig.gateway.subscriptions()).length, 1);
  // One for each tab that opened, and none since.
  assert.equal(await rig.gateway.metric("sluice_subscriptions_opened_total"), 3);
});

test("tabs with several subjects share, and have subject and headers", async () => {
  const { rig, tabs, open } = await begin(2, {
    args: ["--subject", "events.{id}", "--subject", "news.>"],
    options: { subjects: ["news.eu.*", "events.alice"] },
  });
  await rig.nats.setSubjects(["events.*", "news.>"]);
  await rig.nats.publish("news.us.x", "of no tab");
  await rig.nats.publish("news.eu.x", "rain", [["Kind", "a"], ["Kind", "b"]]);
  await rig.publish("alice", "hers");
  await expectAll(tabs, ["rain", "hers"]);
  for (const tab of tabs) {
    const { messages } = await tab.evaluate(seen);
    assert.deepEqual(
      messages.map((m) => [m.subject, m.headers]),
      [["news.eu.x", [["Kind", ["a", "b"]]]], ["events.alice", []]],
    );
  }
  const refused = await open({ subjects: ["news.>", "events.bob"] });
  await until("rejected", () =>
    refused.evaluate(() => window.client.state === "rejected"),
  );
  const [[status, text]] = (await refused.evaluate(seen)).errors;
  assert.equal(status, 403);
  assert.match(text, /events\.bob/);
});

for (const [how, end, its] of [
  ["is closed", (page) => page.close(), test],
  ["crashes", async (page) => {
    const session = await page.createCDPSession();
    // Never answered: the page has crashed. The rest of the test shows whether it did.
    session.send("Page.crash").catch(() => {});
  }, more],
]) {
  its(`the leading tab ${how} during a flood`, async () => {
    const { rig, tabs } = await begin(3);
    const [leader, others] = await split(tabs);
    const flood = rig.publishMany("alice", "flood", 1500);
    await until("it is under way", async () => (await texts(leader)).length > 100);
    await end(leader);
    await expectAll(others, await flood);
    await settled(rig, others);
  });
}

more("the leading tab is frozen, and comes back", async () => {
  const { rig, tabs } = await begin(3);
  const [leader, others] = await split(tabs);
  const session = await leader.createCDPSession();
  const flood = rig.publishMany("alice", "flood", 1000);
  await until("it is under way", async () => (await texts(leader)).length > 100);
  await session.send("Page.setWebLifecycleState", { state: "frozen" });
  await expectAll(others, await flood);
  await settled(rig, others);
  await session.send("Page.setWebLifecycleState", { state: "active" });
  await expectAll(tabs, await flood);
  await settled(rig, tabs);
});

for (const how of ["stop", "kill"]) {
  more(`the gateway is restarted (${how}) during a flood`, async () => {
    const { rig, tabs } = await begin(3);
    const flood = rig.publishMany("alice", "flood", 1500);
    await until("it is under way", async () => (await texts(tabs[0])).length > 100);
    await rig.gateway.restart(how);
    await expectAll(tabs, await flood);
    await settled(rig, tabs);
  });
}

more("every tab gets a gap", async () => {
  const { rig, tabs } = await begin(3);
  await rig.publishMany("alice", "before", 3);
  await expectAll(tabs, ["before 1", "before 2", "before 3"]);
  await rig.gateway.stop();
  await rig.publishMany("alice", "lost", 2);
  await rig.nats.purge();
  await rig.gateway.start();
  await rig.publish("alice", "after");
  await expectAll(tabs, ["before 1", "before 2", "before 3", "after"]);
  for (const tab of tabs) {
    const { gaps, resets } = await tab.evaluate(seen);
    assert.deepEqual([gaps, resets], [[["3", "6"]], []]);
  }
});

more("a tab that opens late has the history", async () => {
  const { rig, tabs, open } = await begin(2);
  const sent = await rig.publishMany("alice", "event", 5);
  await expectAll(tabs, sent);
  const late = await open({ deliver: "all" });
  await expectAll([late], sent);
  await settled(rig, [...tabs, late]);
});

more("a tab goes elsewhere and back, and another reloads the page", async () => {
  const { rig, tabs } = await begin(3, { options: { keep: "session" } });
  const pages = tabs[0].url();
  const sent = await rig.publishMany("alice", "event", 5);
  await expectAll(tabs, sent);
  const [leader, [reloaded, other]] = await split(tabs);
  await leader.goto("about:blank");
  sent.push(...(await rig.publishMany("alice", "missed", 5)));
  await expectAll([reloaded, other], sent);
  // Chromium had put the page aside, with all that is in it.
  await leader.goBack();
  await expectAll([leader, other], sent);

  await reloaded.goto("about:blank");
  const missed = await rig.publishMany("alice", "reload", 5);
  await reloaded.goto(pages);
  await reloaded.follow();
  await expectAll([reloaded], missed);
  await expectAll([leader, other], [...sent, ...missed]);
  await settled(rig, tabs);
});

more("an error has its text", async () => {
  const { open } = await begin(1);
  const page = await open({ headers: { user_id: "no.token" } });
  await until("rejected", () =>
    page.evaluate(() => window.client.state === "rejected"),
  );
  const { errors } = await page.evaluate(seen);
  assert.equal(errors.length, 1);
  assert.equal(errors[0][0], 400);
  assert.match(errors[0][1], /user_id.*1 to 128/);
  assert.equal(errors[0][2], true);
});

// A stream says so 10 seconds before its token ends: these end 4 seconds later.
const TOKEN_S = 14;

function tokenOf(key) {
  const part = (what) => Buffer.from(JSON.stringify(what)).toString("base64url");
  const claims = { sub: "alice", exp: Date.now() / 1000 + TOKEN_S };
  const text = `${part({ alg: "HS256" })}.${part(claims)}`;
  const mac = createHmac("sha256", key).update(text).digest("base64url");
  return `${text}.${mac}`;
}

/** A secret, in a file for the gateway. */
function makeKey() {
  const folder = makeFolder("key");
  defer(() => removeFolder(folder));
  const [key, path] = [randomBytes(32), join(folder, "key")];
  writeFileSync(path, key);
  return { key, path };
}

/** What a proxy does that has pages and gateway on one origin. */
function passOn(rig) {
  return (request, response) => {
    const { method, url, headers } = request;
    const { port } = rig.gateway;
    const inner = ask({ port, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    inner.on("error", () => response.destroy());
    response.on("close", () => inner.destroy());
    inner.end();
  };
}

more("a token is renewed before it ends, and no tab misses anything", async () => {
  const { key, path } = makeKey();
  const rig = await Rig.start("--auth", "jwt", "--jwt-secret", path);
  const pages = await servePages({
    ...routes(),
    "/api/v1/events": passOn(rig),
    "/token": (_, response) => response.end(tokenOf(key)),
  });
  const tabs = [];
  for (let i = 0; i < 3; i++) {
    tabs.push(await openPage(browser, pages.origin));
    await tabs[i].evaluate(async (follow) => {
      const token = async () => (await fetch("/token")).text();
      await eval(`(${follow})`)("/api/v1/events", { token, share: "events of alice" });
    }, followInPage.toString());
    await until("open", async () => (await tabs[i].evaluate(state))[2] !== null);
  }
  const sent = [];
  const told = async (tab) => (await tab.evaluate(seen)).expired > 0;
  await until("all are told that it ends", async () => {
    sent.push(...(await rig.publishMany("alice", `${sent.length} +`, 10)));
    return (await Promise.all(tabs.map(told))).every((t) => t);
  });
  // One for each tab that opened, and one more.
  await until("a new token", () => pages.count("/token") > tabs.length);
  await until("the stream with it", async () => {
    const [leader] = await split(tabs);
    return (
      leader !== undefined &&
      (await rig.gateway.metric("sluice_subscriptions_opened_total")) > tabs.length
    );
  });
  sent.push(...(await rig.publishMany("alice", "after", 10)));
  await expectAll(tabs, sent);
  await settled(rig, tabs);
  for (const tab of tabs) {
    assert.deepEqual((await tab.evaluate(seen)).errors, []);
  }
});

more("the example page shows events, as text", async () => {
  const all = routes();
  const pages = await servePages(all);
  const rig = await Rig.start("--id-query", "id", "--cors-origin", pages.origin);
  const events = `${rig.gateway.origin}/api/v1/events?id=alice`;
  // A link alone shows no foreign text, and sends nothing there.
  const link = `${pages.origin}/index.html?events=${encodeURIComponent(events)}`;
  const refused = await openPage(browser, link);
  await until("it is refused", async () =>
    (await refused.$eval("#state", (e) => e.value)).startsWith("rejected"),
  );
  assert.equal(await rig.gateway.metric("sluice_subscriptions_opened_total"), 0);
  all["/index.html"].body = String(all["/index.html"].body).replace(
    "const ALLOWED = [];",
    `const ALLOWED = ["${rig.gateway.origin}"];`,
  );
  const page = await openPage(
    browser,
    link,
  );
  await rig.publish("alice", "<b>one</b>");
  await rig.publish("alice", Buffer.from([0xff, 0x00]));
  const shown = () =>
    page.evaluate(() =>
      Array.from(document.querySelectorAll("li"), (li) => li.textContent),
    );
  await until("both", async () => (await shown()).length === 2);
  assert.deepEqual(await shown(), ["events.alice2 bytes", "events.alice<b>one</b>"]);
  assert.equal(await page.$eval("#state", (e) => e.value), "open");
});
