// That TypeScript has nothing to say of examples/browser, in its strict mode, and
// that a page written in TypeScript can use it.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { makeFolder, removeFolder } from "./child.mjs";
import { resolve } from "./packages.mjs";
import { defer, test } from "./tap.mjs";

const CLIENT = join(process.env.SLUICE_TEST_ROOT, "examples/browser/sluice.js");
const PUBLISH = join(process.env.SLUICE_TEST_ROOT, "examples/browser/publish.js");
const ARGS = ["--noEmit", "--checkJs", "--allowJs", "--strict", "--skipLibCheck"].concat(
  ["--noUnusedLocals", "--noImplicitReturns"],
  ["--target", "es2022", "--lib", "es2022,dom,dom.iterable"],
  ["--module", "es2022", "--moduleResolution", "bundler"],
);

/** What tsc says of a file; nothing when all is well. */
function complaints(...files) {
  const done = spawnSync(
    process.execPath,
    [join(resolve("typescript"), "../../bin/tsc"), ...ARGS, ...files],
    { encoding: "utf8" },
  );
  return done.stdout + done.stderr + (done.error ?? "");
}

const PAGE = `
import { publish, type PublishError } from ${JSON.stringify(PUBLISH)};
import { Sluice, type SluiceEvent } from ${JSON.stringify(CLIENT)};

const events = new Sluice("/events", { keep: "local", token: async () => "t" });
events.addEventListener("message", (e) => {
  const { data, sequence } = e as SluiceEvent;
  const all: [string | Uint8Array, bigint, string | null] =
    [data, sequence, events.cursor];
  console.log(all);
});
events.renew("t");
// @ts-expect-error: there is no such place
new Sluice("/events", { keep: "disk" });
const { id }: { id: string } = await publish("/events", "data", {
  subject: "a.b", expect: 7, messageHeaders: { Trace: "1" }, token: async () => "t",
}).catch((e: PublishError) => ({ id: [e.status, e.current, e.unknown].join() }));
console.log(id);
await publish("/events", new Uint8Array([1]));
// @ts-expect-error: a sequence is a number
await publish("/events", "x", { expect: "7" });
`;

test("the client is typed, and so is a page that uses it", async () => {
  const folder = makeFolder("types");
  defer(() => removeFolder(folder));
  const path = join(folder, "page.ts");
  writeFileSync(path, PAGE);
  assert.equal(complaints(CLIENT, PUBLISH, path), "");
});
