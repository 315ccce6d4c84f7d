// The program under test: $SLUICE_PROGRAM, with sanitizers as it comes.

import assert from "node:assert/strict";

import { Child, makeFolder, removeFolder } from "./child.mjs";
import { until } from "./waiting.mjs";

// As in test/support/gateway_proc.c.
const REPORTS =
  /ERROR: AddressSanitizer|ERROR: LeakSanitizer|WARNING: ThreadSanitizer|runtime error:|broken contract:/;
const KEPT = ["PATH", "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS"];

function environment(home) {
  const env = { HOME: home };
  for (const name of KEPT.filter((n) => process.env[n] !== undefined)) {
    env[name] = process.env[name];
  }
  return env;
}

export class Gateway {
  /** `args` win over the ones of every test. */
  constructor(natsUrl, args = []) {
    this.args = ["--server", natsUrl, "--retry", "200ms"].concat(
      ["--drain-delay", "0s", "--drain-timeout", "0s"],
      args,
    );
    this.home = makeFolder("home");
    // Any port; the same one after a restart.
    this.address = "127.0.0.1:0";
    this.admin = "127.0.0.1:0";
    this.child = null;
  }

  get origin() {
    return `http://${this.address}`;
  }

  get port() {
    return Number(this.address.split(":")[1]);
  }

  #spawn() {
    assert.ok(process.env.SLUICE_PROGRAM, "SLUICE_PROGRAM names no program");
    this.child = new Child(
      "sluice",
      [
        process.env.SLUICE_PROGRAM,
        "--listen",
        this.address,
        "--admin-listen",
        this.admin,
        ...this.args,
      ],
      { env: environment(this.home), cwd: this.home },
    );
  }

  /** Where it listens, by its log; null: not yet. */
  #listening(listener) {
    const line = this.child.log
      .split("\n")
      .find((l) => /msg=listening\b/.test(l) && l.includes(`=${listener}`));
    return line === undefined ? null : /address="?([^" ]+)/.exec(line)[1];
  }

  /** Until it listens, and with `ready` until it follows the stream. */
  async start({ ready = true } = {}) {
    this.#spawn();
    await until(
      () => `it listens: ${this.child.describe()}`,
      () => {
        // A port that it had may be taken for a moment.
        if (this.child.ended && /address already in use/.test(this.child.log)) {
          this.#spawn();
        }
        assert.ok(!this.child.ended, this.child.describe());
        return this.#listening("public") && this.#listening("admin");
      },
    );
    this.address = this.#listening("public");
    this.admin = this.#listening("admin");
    if (ready) {
      await this.child.until("ready", () => this.status("/readyz", 200));
    }
  }

  /** Does the path answer with this status? */
  async status(path, status) {
    // null: no server, as during a restart.
    const answer = await fetch(this.origin + path).catch(() => null);
    await answer?.text();
    return answer?.status === status;
  }

  /** Drains it: it must end by itself, with 0, and report nothing. */
  async stop() {
    if (this.child === null || this.child.ended) {
      return;
    }
    const code = await this.child.stop("SIGTERM");
    assert.equal(code, 0, this.child.describe());
    this.mustBeClean();
  }

  mustBeClean() {
    assert.ok(!REPORTS.test(this.child.log), this.child.describe());
  }

  /** As by a crash: connections are reset without a drain. */
  async kill() {
    this.mustBeClean();
    await this.child.stop("SIGKILL");
  }

  async restart(how = "stop") {
    await this[how]();
    await this.start();
  }

  async finish() {
    try {
      await this.stop();
    } finally {
      if (this.child?.ended === false) {
        await this.child.stop("SIGKILL");
      }
      removeFolder(this.home);
    }
  }

  /** The open subscriptions, of GET /subscriptions. */
  async subscriptions(query = "") {
    const answer = await fetch(`http://${this.admin}/subscriptions${query}`);
    return (await answer.json()).subscriptions;
  }

  waitStreams(number) {
    return this.child.until(
      `${number} subscriptions`,
      async () => (await this.subscriptions()).length === number,
    );
  }

  /** The sum of a metric's lines. */
  async metric(name) {
    const text = await (await fetch(`http://${this.admin}/metrics`)).text();
    return text
      .split("\n")
      .filter((l) => l.startsWith(`${name} `) || l.startsWith(`${name}{`))
      .reduce((sum, l) => sum + Number(l.slice(l.lastIndexOf(" "))), 0);
  }
}
