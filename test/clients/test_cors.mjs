// Pages of another origin than the gateway's.

import assert from "node:assert/strict";

import { followOn } from "./native.mjs";
import {
  BROWSERS,
  Rig,
  openBrowser,
  openPage,
  servePages,
  test,
} from "./rig.mjs";

const EVENTS = "/api/v1/events?id=alice";
const WITH = { withCredentials: true };

const browsers = {};
for (const name of BROWSERS) {
  browsers[name] = await openBrowser(name);
}

/** A page, and a gateway that lets pages of `origin` (a function) read. */
async function begin(browser, ...allowed) {
  const pages = await servePages();
  const named = allowed.flatMap((origin) => [
    "--cors-origin",
    origin ?? pages.origin,
  ]);
  const rig = await Rig.start("--id-query", "id", ...named);
  const cutter = await rig.cutter();
  const page = await openPage(browser, `${pages.origin}/`);
  await page.evaluate(() => (document.cookie = "session=alices"));
  return { rig, cutter, page, url: cutter.origin + EVENTS };
}

const ITS_OWN = undefined;

function cookies({ requests }) {
  return requests.map((r) => /^cookie: (.*)\r$/im.exec(r)?.[1] ?? null);
}

async function named(browser) {
  const { rig, cutter, page, url } = await begin(browser, ITS_OWN);
  const f = await followOn(page, url, WITH);
  await f.opened(1);
  const sent = await rig.publishMany("alice", "before", 3);
  const events = await f.expect(sent);
  const cut = cutter.cutInside("cut here", 3);
  sent.push("cut here");
  await rig.publish("alice", "cut here");
  await cut;
  sent.push(...(await rig.publishMany("alice", "meanwhile", 3)));
  await f.expect(sent);
  assert.deepEqual(cutter.cursors(), [null, events.at(-1).id]);
  assert.deepEqual(cookies(cutter), ["session=alices", "session=alices"]);

  // Without its being asked for, no cookie goes out.
  const without = await followOn(page, url);
  await without.opened(1);
  assert.equal(cookies(cutter).at(-1), null);
}

async function notNamed(browser) {
  const { page, url, cutter } = await begin(browser, "https://app.example.com");
  const f = await followOn(page, url);
  await f.until("its end", ({ errors }) => errors.length > 0);
  assert.deepEqual(
    await f.look().then(({ errors, opens }) => [errors, opens]),
    [[2], 0],
  );
  assert.equal(cutter.cursors().length, 1);
}

async function any(browser) {
  const { rig, cutter, page, url } = await begin(browser, "*");
  const f = await followOn(page, url);
  await f.opened(1);
  const sent = await rig.publishMany("alice", "event", 3);
  await f.expect(sent);
  assert.deepEqual(cookies(cutter), [null]);
  const refused = await followOn(page, url, WITH);
  await refused.until("its end", ({ errors }) => errors.length > 0);
  assert.equal((await refused.look()).opens, 0);
}

/** fetch() sets headers, and so the browser asks first. */
async function byFetch(browser) {
  const { rig, cutter, page } = await begin(browser, ITS_OWN);
  const read = (path, headers) =>
    page.evaluate(
      async (url, init) => {
        const answer = await fetch(url, init);
        const text = answer.status === 200 ? "" : await answer.text();
        return { status: answer.status, text };
      },
      cutter.origin + path,
      { headers },
    );
  const refused = await read("/api/v1/events", { user_id: "a.b" });
  assert.equal(refused.status, 400);
  assert.match(refused.text, /identity|user_id/);
  const stream = await read("/api/v1/events", {
    user_id: "alice",
    "Last-Event-ID": "0",
    "Cache-Control": "no-cache",
  });
  assert.equal(stream.status, 200);
  await rig.gateway.waitStreams(1);
  const asked = cutter.requests.filter((r) => r.startsWith("OPTIONS"));
  assert.ok(asked.length >= 1, cutter.requests.join());
}

for (const [name, browser] of Object.entries(browsers)) {
  test(`${name}: an origin that is named, with cookies`, () => named(browser));
  test(`${name}: an origin that is not named`, () => notNamed(browser));
  test(`${name}: any origin`, () => any(browser));
  test(`${name}: fetch() with headers of its own`, () => byFetch(browser));
}
