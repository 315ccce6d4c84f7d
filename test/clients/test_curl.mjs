// curl, with the commands of README.md.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { Child } from "./child.mjs";
import { Rig, defer, test } from "./rig.mjs";

const README = readFileSync(
  new URL("../../README.md", import.meta.url),
  "utf8",
);
const commands = README.split("\n")
  .map((line) => line.trim())
  .filter((line) => line.startsWith("curl "));
const [live, all, last, resume] = [
  (c) => !/deliver|Last/.test(c),
  (c) => c.includes("deliver=all"),
  (c) => c.includes("deliver=last"),
  (c) => c.includes("Last-Event-ID"),
].map((is) => commands.find(is));

/** A command of README.md at this gateway. */
function run(rig, command, port = rig.gateway.port) {
  assert.ok(command.includes("127.0.0.1:8080"), command);
  const here = command.replace("127.0.0.1:8080", `127.0.0.1:${port}`);
  // -s: its progress is of no interest.
  const child = new Child("curl", ["sh", "-c", `exec ${here} -s`]);
  defer(() => child.stop());
  return child;
}

function shows(child, text) {
  return child.until(JSON.stringify(text), () => child.log.includes(text));
}

function idOf(log, number) {
  return new RegExp(`^id: (${number}-[0-9a-f]{6})$`, "m").exec(log)?.[1];
}

test("what README.md shows is what comes, event by event", async () => {
  const rig = await Rig.start("--retry", "3s");
  const child = run(rig, live);
  await child.until("its opening", () => idOf(child.log, 0));
  const opening =
    'retry: 3000\nevent: system\ndata: {"system": "open"}\n' +
    `id: ${idOf(child.log, 0)}\n\n`;
  let text = opening;
  for (let i = 1; i <= 5; i++) {
    await rig.publish("alice", `{"order": ${i}}`);
    await child.until(`event ${i}`, () => idOf(child.log, i));
    text += `data: {"order": ${i}}\nid: ${idOf(child.log, i)}\n\n`;
    await shows(child, text);
  }
  assert.equal(child.log, text);
});

test("deliver=all, deliver=last, and what comes after", async () => {
  const rig = await Rig.start();
  await rig.publishMany("alice", "event", 3);
  const [whole, newest] = [run(rig, all), run(rig, last)];
  await shows(whole, "data: event 3\n");
  await shows(newest, "data: event 3\n");
  await rig.publish("alice", "event 4");
  await shows(whole, "data: event 4\n");
  await shows(newest, "data: event 4\n");
  const data = (child) =>
    child.log.match(/^data: event .*$/gm).map((d) => d.slice(-1));
  assert.deepEqual(data(whole), ["1", "2", "3", "4"]);
  assert.deepEqual(data(newest), ["3", "4"]);
});

test("the end of a stream, a cut one, and going on behind it", async () => {
  const rig = await Rig.start();
  const cutter = await rig.cutter();
  const ended = run(rig, live);
  await rig.gateway.waitStreams(1);
  const cut = run(rig, live, cutter.port);
  await rig.gateway.waitStreams(2);
  await rig.publishMany("alice", "before", 2);
  await shows(cut, "before 2\nid: 2-");
  await shows(ended, "before 2\nid: 2-");
  const inMidst = cutter.cutInside("the cut one", 7);
  await rig.publish("alice", "the cut one");
  await inMidst;
  assert.equal(await cut.waitEnd(), 18); // "transfer closed"
  await rig.gateway.restart();
  assert.equal(await ended.waitEnd(), 0);

  const id = idOf(cut.log, 2);
  const again = run(
    rig,
    resume.replace(/Last-Event-ID: [^']*/, `Last-Event-ID: ${id}`),
  );
  await shows(again, "data: the cut one\n");
  assert.equal(
    again.log.split(`id: ${id}\n\n`)[1].match(/^data: /gm).length,
    1,
  );
});

test("what README.md publishes is acknowledged, and comes", async () => {
  const rig = await Rig.start("--allow-pub", "events.{id}");
  const reader = run(rig, live);
  await reader.until("its opening", () => idOf(reader.log, 0));
  const child = run(
    rig,
    commands.find((c) => c.includes("-d 'hello'") && !c.endsWith("\\")),
  );
  assert.equal(await child.waitEnd(), 0);
  const { id, ...rest } = JSON.parse(child.log);
  assert.deepEqual(rest, {
    stream: "Events",
    subject: "events.alice",
    seq: 1,
  });
  await shows(reader, `data: hello\nid: ${id}\n\n`);
});

test("an error is one line with the fault", async () => {
  const rig = await Rig.start();
  const child = run(rig, all.replace("deliver=all", "deliver=never"));
  assert.equal(await child.waitEnd(), 0);
  assert.match(child.log, /^[^\n]*deliver[^\n]*\n$/);
  const failing = run(
    rig,
    all.replace("deliver=all", "deliver=never").replace("-N", "-N --fail"),
  );
  assert.equal(await failing.waitEnd(), 22);
});
