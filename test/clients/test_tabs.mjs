// The client of examples/browser in a world without a browser: how its tabs share
// one connection, and that none of them misses an event or has one twice.

import assert from "node:assert/strict";

import { parse } from "../../examples/browser/cursor.js";
import { defer, test } from "./tap.mjs";
import { until } from "./waiting.mjs";
import { World } from "./world.mjs";

// What is silent is soon taken for dead, or never in the time of a test.
const QUICK = { idleTimeout: 60, maxDelay: 20 };
const CALM = { idleTimeout: 60_000, maxDelay: 20 };

function world(seed) {
  const w = new World(seed);
  defer(() => w.finish());
  return w;
}

/** Until all have all, and one of them the only connection. */
async function settled(w, tabs = w.tabs) {
  const there = tabs.filter((t) => !t.dead && t.client.state !== "closed");
  await until(
    () => `settled: ${w.flows.size} connections; ` +
      there.map((t) => `${t.client.leader} ${t.client.cursor} ${t.wrong()}`).join("; "),
    () => {
      w.ping(); // a silent subscription does not show that a tab is not behind
      return w.flows.size === 1 && w.leaders.length === 1 &&
        there.every((t) => t.begin !== null && t.wrong() === null);
    },
    5000,
  );
}

function texts(tab) {
  return tab.messages.map((e) => e.data);
}

test("tabs with tokens share only by a name", async () => {
  const w = world();
  const mine = [1, 2].map(() => w.open({ ...CALM, token: "a" }));
  await until("each has its own", () => w.flows.size === 2);
  for (const tab of mine) {
    tab.client.close();
  }
  await until("none is left", () => w.flows.size === 0);
  [1, 2].map(() => w.open({ ...CALM, token: "a", share: "events of alice" }));
  await until("they share", () => w.flows.size === 1 && w.leaders.length === 1);
});

test("tabs with other subjects do not share", async () => {
  const w = world();
  const share = "events of alice";
  w.open({ ...CALM, share, subjects: ["a", "b"] });
  w.open({ ...CALM, share, subjects: ["b", "a"] });
  w.open({ ...CALM, share, subjects: ["a"] });
  w.open({ ...CALM, share });
  await until("three connections", () => w.flows.size === 3 && w.leaders.length === 3);
});

test("three tabs share one connection, and each has every event", async () => {
  const w = world();
  const tabs = [1, 2, 3].map(() => w.open(CALM));
  await settled(w);
  const asked = w.requests.length;
  for (let i = 0; i < 100; i++) {
    w.publish();
  }
  await settled(w);
  for (const tab of tabs) {
    assert.deepEqual(texts(tab), w.messages.map((m) => m.data));
    assert.equal(tab.messages.at(-1).sequence, w.messages.at(-1).sequence);
    assert.equal(tab.client.state, "open");
  }
  // None was behind: what the leader hands on is enough.
  assert.equal(w.requests.length, asked);
});

test("a tab that opens late gets the history by itself, then shares", async () => {
  const w = world();
  w.publish("one");
  const early = w.open(CALM);
  await settled(w);
  const id = w.publish("two");
  w.publish("three");
  await settled(w);
  const all = w.open({ ...CALM, deliver: "all" });
  const from = w.open({ ...CALM, cursor: id });
  await settled(w);
  w.publish("four");
  await settled(w);
  assert.deepEqual(texts(early), ["two", "three", "four"]);
  assert.deepEqual(texts(all), ["one", "two", "three", "four"]);
  assert.deepEqual(texts(from), ["three", "four"]);
});

test("a tab joins the others while events rain down", async () => {
  const w = world();
  w.open(CALM);
  await settled(w);
  const slow = w.open(CALM);
  slow.slow = true;
  await until("it shares", () => {
    w.publish();
    return slow.client.state === "open" && w.flows.size === 1;
  });
  slow.slow = false;
  await settled(w);
});

test("a tab that missed a message of the leader gets it otherwise", async () => {
  const w = world();
  const tabs = [1, 2].map(() => w.open(CALM));
  await settled(w);
  const other = tabs.find((t) => !t.client.leader);
  other.deaf = Infinity;
  w.publish("missed");
  await until("it is told", () => w.leaders[0].messages.length === 1);
  other.deaf = 0;
  w.publish("then");
  await settled(w);
  assert.deepEqual(texts(other), ["missed", "then"]);
});

test("the leader goes during a flood", async () => {
  for (const how of ["kill", "close", "hang", "freeze", "pagehide"]) {
    const w = world();
    // One that hangs is found out by its silence; of the others it is known.
    const options = how === "hang" ? QUICK : { ...CALM, maxDelay: 60_000 };
    const tabs = [1, 2, 3, 4].map(() => w.open(options));
    await settled(w);
    const [leader] = w.leaders;
    for (let i = 0; i < 300; i++) {
      w.publish();
      if (i === 150) {
        await until("half of it is here", () => leader.messages.length > 20);
        ({
          kill: () => leader.kill(),
          close: () => leader.client.close(),
          hang: () => leader.hang(),
          freeze: () => leader.freeze(),
          pagehide: () => {
            leader.window.dispatchEvent(new Event("pagehide"));
            leader.hang();
          },
        })[how]();
      }
    }
    const others = tabs.filter((t) => t !== leader);
    await until(`${how}: the others have all`, () => {
      w.ping();
      return others.every((t) => t.wrong() === null);
    });
    if (how === "hang") {
      leader.goOn();
    } else if (how === "freeze") {
      leader.resume();
    } else if (how === "pagehide") {
      leader.goOn();
      leader.window.dispatchEvent(new Event("pageshow"));
    }
    await settled(w);
    w.finish();
  }
});

test("without locks every tab has a connection of its own", async () => {
  const w = world();
  const tabs = [1, 2].map(() => w.open({ ...CALM, share: false }));
  await until("both", () => w.flows.size === 2);
  w.publish("a");
  await until("an event", () => tabs.every((t) => t.messages.length === 1));
  assert.equal(w.flows.size, 2);
});

test("every tab gets a gap and a reset, with exact numbers", async () => {
  const w = world();
  const tabs = [1, 2, 3].map(() => w.open(CALM));
  await settled(w);
  const at = parse(w.leaders[0].client.cursor).sequence;
  w.up = false;
  w.cutAll();
  w.publish("lost");
  w.purge();
  w.publish("kept");
  w.up = true;
  await until("a gap", () => tabs.every((t) => t.got("gap").length === 1));
  await settled(w);
  for (const tab of tabs) {
    const [gap] = tab.got("gap");
    assert.equal(gap.after, at);
    assert.equal(gap.first, w.first);
    assert.deepEqual(texts(tab), ["kept"]);
  }
  w.reset();
  w.publish("new");
  await settled(w);
  for (const tab of tabs) {
    assert.equal(tab.got("reset").length, 1);
    assert.deepEqual(texts(tab), ["kept", "new"]);
  }
});

// Other seeds: SLUICE_SEEDS=17 or 1-10000.
const [from, to = from] = (process.env.SLUICE_SEEDS ?? "1-40").split("-");

test("whatever happens to tabs, gateway and stream", async () => {
  for (let seed = Number(from); seed <= Number(to); seed++) {
    await chance(seed);
  }
}, { ms: 600_000 });

async function chance(seed) {
  const w = world(seed);
  const acts = actsOf(w);
  const done = [];
  for (let i = 0; i < 80; i++) {
    const [name, act] = acts[w.roll(acts.length)];
    done.push(name);
    act();
    for (let n = w.roll(4); n > 0; n--) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  w.up = true;
  for (const tab of w.tabs.filter((t) => t.hung)) {
    tab.frozen ? tab.resume() : tab.goOn();
  }
  w.publish("the last");
  if (w.tabs.some((t) => !t.dead)) {
    await settled(w).catch((e) => {
      throw new Error(`seed ${seed}: ${e.message}: ${done.join(" ")}`);
    });
  }
  w.finish();
}

function actsOf(w) {
  const some = (which) => {
    const found = w.tabs.filter((t) => !t.dead && which(t));
    return found.length > 0 ? found[w.roll(found.length)] : undefined;
  };
  const policies = ["new", "all", "new", undefined];
  const open = () => {
    if (w.tabs.filter((t) => !t.dead).length < 5) {
      w.open({ ...QUICK, deliver: policies[w.roll(4)] });
    }
  };
  const publish = () => {
    for (let n = w.roll(20); n > 0; n--) {
      w.roll(3) === 0 ? w.ping() : w.publish();
    }
  };
  const often = Array.from({ length: 8 }, () => ["publish", publish]);
  return often.concat([
    ["open", open],
    ["open", open],
    ["open", open],
    ["kill", () => some(() => true)?.kill()],
    ["kill-leader", () => some((t) => t.client.leader)?.kill()],
    ["freeze", () => some((t) => !t.hung)?.freeze()],
    ["resume", () => some((t) => t.frozen)?.resume()],
    ["hang", () => some((t) => !t.hung)?.hang()],
    ["go-on", () => some((t) => t.hung && !t.frozen)?.goOn()],
    ["deaf", () => some(() => true) && (some(() => true).deaf += 1 + w.roll(3))],
    ["cut", () => w.cutAll()],
    ["down", () => (w.up = false)],
    ["up", () => (w.up = true)],
    ["purge", () => w.roll(3) === 0 && w.purge()],
    ["reset", () => w.roll(3) === 0 && w.reset()],
  ]);
}
