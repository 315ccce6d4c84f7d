// Browsers behind nginx and HAProxy as in examples/proxies: HTTP/2, more streams
// than HTTP/1.1 has room for, and a gateway that is away.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { followOn } from "./native.mjs";
import { BROWSERS, Rig, openBrowser, openPage, test, until } from "./rig.mjs";

const EVENTS = "/api/v1/events";
const STREAMS = 10;
const BROWSER_LIMIT = 6; // connections to an origin, over HTTP/1.1

const browsers = {};
for (const name of BROWSERS) {
  browsers[name] = await openBrowser(name, { acceptInsecureCerts: true });
}

/** A page of the proxy's origin that alice has logged in to. */
async function openAsAlice(browser, origin) {
  const page = await openPage(browser, "about:blank");
  await page.authenticate({ username: "alice", password: "secret" });
  // Any answer of the gateway that ends will do.
  await page.goto(`${origin}${EVENTS}?deliver=never`);
  return page;
}

function protocolOf(page) {
  return page.evaluate(
    () => performance.getEntriesByType("navigation")[0].nextHopProtocol,
  );
}

async function tenStreams(browser, name) {
  const rig = await Rig.start();
  const { origin } = await rig.proxy(name, { tls: true });
  const page = await openAsAlice(browser, origin);
  assert.equal(await protocolOf(page), "h2");
  const streams = [];
  for (let i = 0; i < STREAMS; i++) {
    streams.push(await followOn(page, EVENTS));
  }
  await rig.gateway.waitStreams(STREAMS);
  const sent = [];
  for (let i = 1; i <= 5; i++) {
    sent.push(...(await rig.publishMany("alice", `event ${i}`, 1)));
    // Each event arrives before the next one is sent: nothing is held back.
    for (const f of streams) {
      await f.expect(sent);
    }
  }
}

async function gatewaysInTurn(browser, name) {
  const rig = await Rig.start();
  const two = await rig.another();
  const gateways = [rig.gateway, two];
  const { origin } = await rig.proxy(name, { tls: true, gateways });
  const page = await openAsAlice(browser, origin);
  const f = await followOn(page, EVENTS);
  await f.opened(1);
  const sent = await rig.publishMany("alice", "before", 3);
  await f.expect(sent);
  for (const gateway of gateways) {
    await gateway.stop();
    sent.push(...(await rig.publishMany("alice", gateway.address, 3)));
    await f.expect(sent);
    await gateway.start();
  }
  // It was on one of them, whose end was not the stream's.
  assert.ok((await f.look()).opens > 1);
}

/** follow() of docs/browsers.md, less patient than it stands there. */
function followOfTheManual() {
  const path = new URL("../../docs/browsers.md", import.meta.url);
  const text = readFileSync(path, "utf8");
  const [code] = /^ {4}function follow\([^]*?^ {4}\}$/m.exec(text);
  const idleTimeout = "2000 + 3000 * Math.random()";
  assert.ok(code.includes(idleTimeout));
  return code.replace(idleTimeout, "200");
}

async function nobodyThere(browser, name) {
  const rig = await Rig.start();
  const { origin } = await rig.proxy(name);
  const page = await openAsAlice(browser, origin);
  const f = await followOn(page, EVENTS);
  await f.opened(1);
  await page.evaluate(
    `window.kept = [];
     (${followOfTheManual()})("${EVENTS}", (e) => window.kept.push(e.data));`,
  );
  await rig.gateway.waitStreams(2);
  const kept = () => page.evaluate(() => window.kept);
  const sent = await rig.publishMany("alice", "before", 3);
  await until("what was sent", async () => (await kept()).length >= 3);

  await rig.gateway.stop();
  sent.push(...(await rig.publishMany("alice", "meanwhile", 3)));
  await f.until("its end", ({ errors }) => errors.at(-1) === 2);
  await rig.gateway.start();
  await rig.gateway.waitStreams(1);
  sent.push(...(await rig.publishMany("alice", "after", 3)));
  await until("the rest", async () => (await kept()).length >= sent.length);
  assert.deepEqual(await kept(), sent);
  assert.equal((await f.look()).opens, 1);
}

for (const [name, browser] of Object.entries(browsers)) {
  for (const proxy of ["nginx", "haproxy"]) {
    test(`${name}, ${proxy}: ten streams over HTTP/2`, () =>
      tenStreams(browser, proxy));
    test(`${name}, ${proxy}: two gateways, restarted in turn`, () =>
      gatewaysInTurn(browser, proxy));
    test(`${name}, ${proxy}: no gateway for a while`, () =>
      nobodyThere(browser, proxy));
  }

  test(`${name}: over HTTP/1.1 there are six streams`, async () => {
    const rig = await Rig.start("--id-query", "id");
    const page = await openPage(browser, `${rig.gateway.origin}/livez`);
    const streams = [];
    for (let i = 0; i < STREAMS; i++) {
      streams.push(await followOn(page, `${EVENTS}?id=alice`));
    }
    const open = async () => {
      const seen = await Promise.all(streams.map((f) => f.look()));
      return streams.filter((_, i) => seen[i].opens > 0);
    };
    await rig.gateway.waitStreams(BROWSER_LIMIT);
    const sent = await rig.publishMany("alice", "event", 1);
    const first = await until("six of them", async () => {
      const found = await open();
      return found.length === BROWSER_LIMIT && found;
    });
    for (const f of first) {
      await f.expect(sent);
    }
    assert.equal((await open()).length, BROWSER_LIMIT);
    // The place of one that ends is the next one's.
    await first[0].close();
    await until("seven", async () => (await open()).length > BROWSER_LIMIT);
    await rig.gateway.waitStreams(BROWSER_LIMIT);
  });
}
