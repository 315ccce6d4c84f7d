// The live page of --ui in a browser, as a user has it before them.

import assert from "node:assert/strict";

import { defer, note, until } from "./rig.mjs";

/** What must not happen on the page: noted in it, before its own script runs. */
function watch() {
  globalThis.violations = [];
  addEventListener("securitypolicyviolation", (e) =>
    globalThis.violations.push(`${e.violatedDirective} ${e.blockedURI}`),
  );
}

export class UiPage {
  static async open(browser, origin, { hash = "", width = 1280, login } = {}) {
    // Its connections end with it, so that the gateway need not wait for them.
    const context = await browser.createBrowserContext();
    defer(() => context.close());
    const ui = new UiPage(await context.newPage(), origin);
    await ui.page.authenticate(login ?? null);
    await ui.#open(hash, width);
    return ui;
  }

  constructor(page, origin) {
    this.page = page;
    this.origin = origin;
    this.errors = [];
    this.requests = [];
  }

  // Beside the size, puppeteer sets what Firefox 140 (Debian 12 without updates) has
  // no command for, and then does not wait for the size.
  async #resize(width) {
    try {
      await this.page.setViewport({ width, height: 740 });
    } catch (e) {
      if (!/unknown command/.test(String(e))) throw e;
      await this.page.waitForFunction((w) => innerWidth === w, {}, width);
    }
  }

  async #open(hash, width) {
    defer(() => this.#close());
    this.page.on("pageerror", (e) => this.errors.push(String(e)));
    this.page.on("console", (m) => note("page:", m.text()));
    this.page.on("request", (r) => this.requests.push(r.url()));
    await this.page.evaluateOnNewDocument(watch);
    await this.#resize(width);
    await this.page.goto(`${this.origin}/${hash}`);
  }

  /** Whatever a case was about: nothing was blocked, and nothing left. */
  async #close() {
    const violations = await this.page.evaluate(() => globalThis.violations);
    await this.page.close();
    assert.deepEqual(violations, []);
    assert.deepEqual(this.errors, []);
    for (const url of this.requests.filter((u) => !u.startsWith("data:"))) {
      assert.equal(new URL(url).origin, this.origin);
    }
  }

  text(id) {
    return this.page.$eval(`#${id}`, (e) => e.textContent);
  }

  state() {
    return this.page.$eval("#state", (e) => e.dataset.state);
  }

  untilText(id, what) {
    let last;
    return until(
      () => `#${id} to be ${what}, it is ${last}`,
      async () => {
        last = await this.text(id);
        return typeof what === "string" ? last === what : what.test(last);
      },
    );
  }

  async untilState(state) {
    await until(
      () => `the state ${state}`,
      async () => (await this.state()) === state,
    );
  }

  /** The rows in sight, from the top: [kind, sequence, payload]. */
  rows() {
    return this.page.$$eval(".row", (rows) =>
      rows
        .filter((r) => !r.hidden)
        .sort((a, b) => a.ariaPosInSet - b.ariaPosInSet)
        .map((r) => [
          r.className.replace("row ", ""),
          r.querySelector(".seq").textContent,
          r.querySelector(".text").textContent,
        ]),
    );
  }

  /** The texts of a column of the rows in sight, from the top. */
  columns(name) {
    return this.page.$$eval(".row", (rows, n) =>
      rows
        .filter((r) => !r.hidden)
        .sort((a, b) => a.ariaPosInSet - b.ariaPosInSet)
        .map((r) => r.querySelector(`.${n}`).textContent),
    name);
  }

  /** [name, value] of a definition list. */
  pairs(id) {
    return this.page.$eval(`#${id}`, (list) =>
      Array.from(list.querySelectorAll("dt"), (dt) =>
        [dt.textContent, dt.nextElementSibling.textContent]),
    );
  }

  async payloads() {
    const rows = await this.rows();
    return rows.filter(([kind]) => kind === "message").map((r) => r[2]);
  }

  async notes() {
    const rows = await this.rows();
    return rows.filter(([kind]) => kind !== "message").map((r) => r[2]);
  }

  async untilPayloads(want) {
    let last = [];
    await until(
      () => `the payloads ${want}, there are ${last}`,
      async () => (last = await this.payloads()).length >= want.length,
    );
    assert.deepEqual(last, want);
  }

  fill(id, value) {
    return this.page.$eval(
      `#${id}`,
      (e, v) => {
        e.value = v;
        e.dispatchEvent(new Event("input"));
      },
      value,
    );
  }

  click(id) {
    return this.page.$eval(`#${id}`, (e) => e.click());
  }

  /** How far it can be moved sideways, in pixels. */
  overflow() {
    return this.page.evaluate(() => {
      const root = document.documentElement;
      return root.scrollWidth - root.clientWidth;
    });
  }
}
