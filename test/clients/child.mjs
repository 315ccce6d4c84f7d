// A program that a test starts: its output is kept, and it ends with the test,
// however that ends.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { until } from "./waiting.mjs";

const SHOWN = 4000;

/** A folder of its own; remove it with removeFolder(). */
export function makeFolder(name) {
  return mkdtempSync(join(tmpdir(), `sluice-${name}-`));
}

export function removeFolder(path) {
  rmSync(path, { recursive: true, force: true, maxRetries: 5 });
}

export class Child {
  /** `argv[0]` is a program of the PATH, or one with its path. */
  constructor(name, argv, { env = process.env, cwd } = {}) {
    this.name = name;
    this.log = "";
    this.code = null; // exit status, or the signal's name
    // Node has no PR_SET_PDEATHSIG: setpriv sets it and becomes the program.
    this.process = spawn("setpriv", ["--pdeathsig", "KILL", "--", ...argv], {
      env: { ...env, PATH: `${env.PATH}:/usr/sbin:/usr/local/sbin` },
      cwd,
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const out of [this.process.stdout, this.process.stderr]) {
      out.setEncoding("utf8");
      out.on("data", (text) => (this.log += text));
    }
    this.process.on("error", (e) => (this.code = String(e)));
    // "close": when all it has said is here.
    this.process.on("close", (code, signal) => (this.code = code ?? signal));
  }

  get pid() {
    return this.process.pid;
  }

  get ended() {
    return this.code !== null;
  }

  kill(signal) {
    this.process.kill(signal);
  }

  describe() {
    return `${this.name} (ended: ${this.code}):\n${this.log.slice(-SHOWN)}`;
  }

  /** Until check() is true; fails at once when the program has ended. */
  until(what, check, ms) {
    return until(
      () => `${what}: ${this.describe()}`,
      async () => {
        const found = await check();
        if (!found && this.ended) {
          throw new Error(`${what}: it ended: ${this.describe()}`);
        }
        return found;
      },
      ms,
    );
  }

  async waitEnd(ms) {
    await until(
      () => `the end of ${this.describe()}`,
      () => this.ended,
      ms,
    );
    return this.code;
  }

  async stop(signal = "SIGTERM", ms = undefined) {
    if (!this.ended) {
      this.kill(signal);
    }
    return this.waitEnd(ms);
  }
}
