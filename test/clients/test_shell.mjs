// The blocks of examples/shell/README.md, each run by sh.

import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Child, makeFolder, removeFolder } from "./child.mjs";
import { Rig, defer, test, until } from "./rig.mjs";

const README = readFileSync(
  join(process.env.SLUICE_TEST_ROOT, "examples/shell/README.md"),
  "utf8",
);
// Its head, and then heading -> block.
const [head, ...sections] = README.split(/^## /m);
const blockOf = (text) =>
  text.split("\n").filter((l) => l.startsWith("    ")).map((l) => l.slice(4)).join("\n");
const blocks = new Map(
  sections.map((text) => [text.slice(0, text.indexOf("\n")), blockOf(text)]),
);
const run = new Set();

const SUBJECTS = ["events.*", "jobs.>", "orders.>"];
const ARGS = ["--allow-pub", "events.{id}", "--allow-pub", "jobs.{id}.>"].concat(
  ["--allow-pub", "svc.>", "--allow-sub", "jobs.{id}.>"],
  ["--allow-sub", "orders.{id}.>"],
);

async function start() {
  const rig = await Rig.start(...ARGS);
  await rig.nats.setSubjects(SUBJECTS);
  rig.folder = makeFolder("shell");
  defer(() => removeFolder(rig.folder));
  return rig;
}

/** Runs a block in the rig's folder. */
function sh(rig, heading, port = rig.gateway.port) {
  const block = blocks.get(heading);
  assert.ok(block, heading);
  run.add(heading);
  const setting = blockOf(head).replace("127.0.0.1:8080", `127.0.0.1:${port}`);
  assert.ok(setting.includes(`:${port}/`), setting);
  // A group of its own, which ends with all programs of a pipe.
  const argv = ["setsid", "sh", "-c", `${setting}\n${block}`];
  const child = new Child("sh", argv, { cwd: rig.folder });
  defer(() => stop(child));
  return child;
}

async function stop(child) {
  if (!child.ended) {
    process.kill(-child.pid, "SIGKILL");
    await child.waitEnd();
  }
}

async function done(child, code = 0) {
  assert.equal(await child.waitEnd(), code, child.describe());
  return child.log;
}

const stored = (rig) => rig.gateway.metric('sluice_publishes_total{result="stored"}');

/** The payloads of a subject, by the gateway. */
async function payloads(rig, subject, number) {
  const url = `${rig.gateway.origin}/api/v1/events?subject=${subject}&deliver=all` +
    `&limit=${number}&timeout=5s`;
  const headers = { user_id: "alice", Accept: "application/x-ndjson" };
  const text = await (await fetch(url, { headers })).text();
  return text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

test("publish a line, and again when the gateway or NATS was away", async () => {
  const rig = await start();
  assert.match(await done(sh(rig, "Publish a line")), /^1-[0-9a-f]{6}\n$/);
  await rig.gateway.stop();
  const refused = sh(rig, "Publish a line");
  await refused.until("a retry", () => true);
  await rig.gateway.start();
  assert.match(await done(refused), /^(curl: .*\n)*2-[0-9a-f]{6}\n$/);
  await rig.nats.stop();
  const away = sh(rig, "Publish a line");
  await until("a rejection", async () =>
    (await rig.gateway.metric("sluice_requests_rejected_total")) > 0);
  await rig.nats.start();
  assert.match(await done(away), /^(curl: .*\n)*3-[0-9a-f]{6}\n$/);
  const [line] = await payloads(rig, "events.alice", 1);
  assert.equal(line.data, "backup done");
});

test("a line that is rejected ends with its reason", async () => {
  const rig = await Rig.start("--allow-pub", "elsewhere");
  rig.folder = "/";
  assert.match(await done(sh(rig, "Publish a line"), 5), /events\.alice/);
});

test("publish a file, once", async () => {
  const rig = await start();
  const text = "a;b\n" + "é;\r\n".repeat(50_000);
  writeFileSync(join(rig.folder, "report.csv"), text);
  const first = await done(sh(rig, "Publish a file"));
  assert.match(first, /^1-[0-9a-f]{6}\n$/);
  assert.equal(await done(sh(rig, "Publish a file")), first);
  assert.equal(await stored(rig), 1);
  const [line] = await payloads(rig, "events.alice", 1);
  assert.equal(line.data, text);
  assert.deepEqual(line.headers, { File: ["report.csv"] });
});

test("publish each line of a file, once", async () => {
  const rig = await start();
  const lines = Array.from({ length: 500 }, (_, i) => `"${i}" \\ é`);
  writeFileSync(join(rig.folder, "lines.txt"), `${lines.join("\n")}\n`);
  assert.equal(await done(sh(rig, "Publish each line of a file")), "");
  assert.equal(await done(sh(rig, "Publish each line of a file")), "");
  assert.equal(await stored(rig), lines.length);
  const all = await payloads(rig, "events.alice", lines.length);
  assert.deepEqual(all.map((l) => l.data), lines);
  // What is not stored is shown.
  await rig.nats.setSubjects(["jobs.>"]);
  writeFileSync(join(rig.folder, "lines.txt"), "one\ntwo\n");
  const failed = await done(sh(rig, "Publish each line of a file"));
  assert.deepEqual(
    failed.trim().split("\n").map((l) => JSON.parse(l).status), [503, 503]);
});

test("one of several programs publishes", async () => {
  const rig = await start();
  const all = Array.from({ length: 4 }, () =>
    sh(rig, "Publish only if no other program did"));
  const said = await Promise.all(all.map((child) => done(child)));
  assert.equal(said.filter((s) => s === "the job is mine\n").length, 1);
  assert.equal(said.filter((s) => s === "another program has it\n").length, 3);
});

test("a change of what was read", async () => {
  const rig = await start();
  await rig.nats.publish("jobs.alice.state", "41");
  const heading = "Change what no other program changed";
  assert.equal(await done(sh(rig, heading)), "2\n");
  assert.equal(await done(sh(rig, heading)), "3\n");
  const all = await payloads(rig, "jobs.alice.state", 3);
  assert.deepEqual(all.map((l) => l.data), ["41", "42", "43"]);
});

test("a request, and its reply", async () => {
  const rig = await start();
  const heading = "Request, and wait for the reply";
  assert.match(await done(sh(rig, heading), 22), /"status":503/);
  rig.nats.answer("svc.double", (body) => [String(2 * JSON.parse(body).n)]);
  assert.equal(await done(sh(rig, heading)), "42");
});

test("several replies", async () => {
  const rig = await start();
  rig.nats.answer("svc.status", () => ["one", "two"]);
  rig.nats.answer("svc.status", () => ["three"]);
  const said = await done(sh(rig, "Several replies, as they come"));
  assert.deepEqual(said.trim().split("\n").sort(), ["one", "three", "two"]);
});

test("tail a subject into jq", async () => {
  const rig = await start();
  const child = sh(rig, "Tail a subject into jq");
  await rig.gateway.waitStreams(1);
  for (const total of [99, 101, 7, 5000]) {
    await rig.nats.publish(`orders.alice.${total}`, JSON.stringify({ total }));
    await rig.nats.publish(`orders.bob.${total}`, JSON.stringify({ total }));
  }
  await rig.nats.publish("orders.alice.text", "no JSON");
  const want = '["orders.alice.101",101]\n["orders.alice.5000",5000]\n';
  await child.until("two lines", () => child.log.length >= want.length);
  assert.equal(child.log, want);
});

test("follow events, and resume", async () => {
  const rig = await start();
  const cutter = await rig.cutter();
  const heading = "Follow events, and resume after a failure";
  const child = sh(rig, heading, cutter.port);
  const sent = await rig.publishMany("alice", "before", 3);
  const shown = (c) => c.log.split("\n").filter((l) => !l.startsWith("curl:") && l);
  await child.until("three", () => shown(child).length === 3);
  const cut = cutter.cutInside("cut here", 3);
  await rig.publish("alice", "cut here");
  await cut;
  sent.push("cut here", ...(await rig.publishMany("alice", "after \\n", 2)));
  await child.until("all", () => shown(child).length >= sent.length);
  assert.deepEqual(shown(child), sent);
  const cursor = join(rig.folder, "cursor");
  await until("its cursor", () =>
    existsSync(cursor) && readFileSync(cursor, "utf8").startsWith("6-"));
  await stop(child);
  cutter.cutAll();
  await rig.publish("alice", "while away");
  const next = sh(rig, heading);
  await next.until("the next", () => shown(next).length > 0);
  assert.deepEqual(shown(next), ["while away"]);
});

test("wait for one event", async () => {
  const rig = await start();
  const child = sh(rig, "Wait for one event");
  await rig.gateway.waitStreams(1);
  await rig.nats.publish("orders.alice.other", "no");
  await rig.nats.publish("orders.alice.done", "yes");
  assert.equal(await done(child), "yes\n");
});

test("each block was run", () => {
  const all = [...blocks].filter(([, block]) => block !== "").map(([name]) => name);
  assert.deepEqual(all.filter((name) => !run.has(name)), []);
  assert.equal(all.length, 10);
});
