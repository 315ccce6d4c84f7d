// An EventSource with a token in a cookie: its identity, and its behaviour when the token
// expires.

import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { makeFolder, removeFolder } from "./child.mjs";
import { followOn } from "./native.mjs";
import { BROWSERS, Rig, defer, openBrowser, openPage, test } from "./rig.mjs";

const EVENTS = "/api/v1/events";
const SECRET = randomBytes(32);

const browsers = {};
for (const name of BROWSERS) {
  browsers[name] = await openBrowser(name);
}

/** HS256, good for `seconds` (RFC 7515, appendix A.1). */
function makeToken(sub, seconds) {
  const exp = Math.floor(Date.now() / 1000) + seconds;
  const parts = [
    { alg: "HS256", typ: "JWT" },
    { sub, exp },
  ].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  const mac = createHmac("sha256", SECRET).update(parts.join("."));
  return `${parts.join(".")}.${mac.digest("base64url")}`;
}

function giveToken(page, token) {
  return page.evaluate((t) => (document.cookie = `token=${t}`), token);
}

/** A page with a token that is good for `seconds`, and its stream. */
async function begin(browser, seconds) {
  const folder = makeFolder("key");
  defer(() => removeFolder(folder));
  const key = join(folder, "secret");
  writeFileSync(key, SECRET, { mode: 0o600 });
  const rig = await Rig.start(
    ...["--auth", "jwt", "--jwt-secret", key, "--jwt-cookie", "token"],
    ...["--jwt-leeway", "0"],
  );
  const cutter = await rig.cutter();
  const page = await openPage(browser, `${cutter.origin}/livez`);
  await giveToken(page, makeToken("alice", seconds));
  return { rig, cutter, page, f: await followOn(page, EVENTS) };
}

async function isWho(browser) {
  const { rig, cutter, f } = await begin(browser, 3600);
  await f.opened(1);
  const sent = await rig.publishMany("alice", "before", 3);
  await rig.publish("bob", "not alice's");
  await f.expect(sent);
  const cut = cutter.cutInside("cut here", 3);
  await rig.publish("alice", "cut here");
  await cut;
  sent.push("cut here", ...(await rig.publishMany("alice", "after", 3)));
  await f.expect(sent);
  await rig.gateway.restart();
  sent.push(...(await rig.publishMany("alice", "restarted", 3)));
  await f.expect(sent);
}

async function renews(browser) {
  const { rig, page, f } = await begin(browser, 3);
  await f.opened(1);
  const sent = await rig.publishMany("alice", "before", 3);
  const { systems } = await f.until(
    "the word that it expires",
    (seen) => seen.systems.length > 1,
  );
  assert.deepEqual(
    systems.map((s) => JSON.parse(s.data)),
    [{ system: "open" }, { system: "expired" }],
  );
  await giveToken(page, makeToken("alice", 3600));
  // The stream ends with the old token; the browser comes with the new one.
  await f.opened(2);
  sent.push(...(await rig.publishMany("alice", "after", 3)));
  await f.expect(sent);
}

async function isNobody(browser) {
  const { cutter, f } = await begin(browser, -60);
  await f.until("its end", ({ errors }) => errors.length > 0);
  const { errors, opens } = await f.look();
  assert.deepEqual({ errors, opens }, { errors: [2], opens: 0 });
  assert.equal(cutter.cursors().length, 1);
}

for (const [name, browser] of Object.entries(browsers)) {
  test(`${name}: a token in a cookie`, () => isWho(browser));
  test(`${name}: a token that expires, and a new one`, () => renews(browser));
  test(`${name}: a token that has expired`, () => isNobody(browser));
}
