// The box of the live page that publishes, in both browsers.

import assert from "node:assert/strict";

import { BROWSERS, Rig, openBrowser, test, until } from "./rig.mjs";
import { UiPage } from "./ui_page.mjs";

const browsers = {};
for (const name of BROWSERS) {
  browsers[name] = await openBrowser(name);
}
const { chromium } = browsers;

const WRITING = ["--ui", "--allow-pub", "events.{id}"];

async function follow(rig, browser = chromium, options = {}) {
  const ui = await UiPage.open(browser, rig.gateway.origin, {
    hash: "#id=alice&deliver=new",
    ...options,
  });
  await ui.untilState("open");
  return ui;
}

async function publish(ui, fields) {
  for (const [name, value] of Object.entries(fields)) {
    await ui.fill(`publish-${name}`, value);
  }
  await ui.click("publish-send");
}

/** The result, when it is there: [is it good?, text]. */
async function result(ui) {
  await until("the result", async () =>
    !/^(|Publishing)$/.test(await ui.text("publish-result")),
  );
  const ok = await ui.page.$eval("#publish-result", (e) => e.dataset.ok);
  return [ok === "true", await ui.text("publish-result")];
}

const isShown = (ui) => ui.page.$eval("#publish", (e) => !e.hidden);

for (const [name, browser] of Object.entries(browsers)) {
  test(`${name}: what is published comes back`, async () => {
    const rig = await Rig.start(...WRITING);
    const ui = await follow(rig, browser);
    assert.ok(await isShown(ui));
    const placeholder = await ui.page.$eval("#publish-subject", (e) => e.placeholder);
    assert.equal(placeholder, "events.alice");
    await ui.click("publish > summary");
    const fields = {
      payload: "é <b>\n2", headers: "trace-id: 7\n\nKind:  a b ", key: "k 1",
    };
    await publish(ui, fields);
    const [ok, text] = await result(ui);
    assert.match(text, /^Stored in events\.alice as 1, 1-[0-9a-f]{6}$/);
    assert.ok(ok);
    await ui.untilPayloads(["é <b> ⏎ 2"]);
    assert.equal((await ui.columns("headers"))[0], "Kind: a b  Trace-Id: 7");

    // The same key: stored once.
    await publish(ui, {});
    await ui.untilText("publish-result", /^Not stored again: the key is that of 1, 1-/);
    await publish(ui, { key: "", headers: "", payload: "" });
    await ui.untilText("publish-result", /as 2, 2-/);
    await ui.untilText("events", "2");
    assert.equal(await rig.gateway.metric("sluice_publishes_total"), 3);
  });

  test(`${name}: a rejected publish`, async () => {
    const rig = await Rig.start(...WRITING);
    const ui = await follow(rig, browser);
    await publish(ui, { subject: "events.bob", payload: "x" });
    const [ok, text] = await result(ui);
    assert.ok(!ok);
    assert.match(text, /^403: .*events\.bob/);
    await publish(ui, { subject: "", headers: "no header" });
    await ui.untilText("publish-result", 'Not sent: "no header" is not "Name: value"');
    await publish(ui, { headers: "Nats-Rollup: all" });
    await ui.untilText("publish-result", /^400: /);
    await publish(ui, { headers: "", payload: "good" });
    await ui.untilText("publish-result", /^Stored in events\.alice as 1, /);
    await ui.untilPayloads(["good"]);
  });
}

test("a gateway without writing has no box", async () => {
  const rig = await Rig.start("--ui");
  const ui = await follow(rig);
  assert.ok(!(await isShown(ui)));
});

test("a gateway that is away", async () => {
  const rig = await Rig.start(...WRITING);
  const ui = await follow(rig);
  await rig.gateway.kill();
  await publish(ui, { payload: "x" });
  const [ok, text] = await result(ui);
  assert.ok(!ok);
  assert.match(text, /^No answer, the message may be stored: /);
  await rig.gateway.start();
  await publish(ui, { payload: "y" });
  await ui.untilText("publish-result", /^Stored/);
});

test("by the keyboard, and at a phone's width", async () => {
  const rig = await Rig.start(...WRITING);
  const ui = await follow(rig, chromium, { width: 360 });
  await ui.page.focus("#publish > summary");
  await ui.page.keyboard.press("Enter");
  for (let i = 0; i < 4; i++) {
    await ui.page.keyboard.press("Tab");
  }
  await ui.page.keyboard.type("one");
  await ui.page.keyboard.down("Control");
  await ui.page.keyboard.press("Enter");
  await ui.page.keyboard.up("Control");
  await ui.untilText("publish-result", /^Stored/);
  await ui.untilPayloads(["one"]);
  assert.equal(await ui.overflow(), 0);
});
