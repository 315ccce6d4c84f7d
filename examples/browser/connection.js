// @ts-check
// A subscription by fetch(), which can send headers. It reconnects by itself, from
// the cursor of its owner.

import { parse } from "./cursor.js";
import { Parser } from "./parser.js";

/**
 * An event from the wire, which moves the cursor from `prev` to `id`. `type` is null
 * where only the cursor moves (a ping).
 * @typedef {{prev: string | null, id: string | null, type: string | null, data: string}} Entry
 * @typedef {{status: number, message: string, final: boolean}} Failure
 *
 * @typedef {object} Owner
 * @property {() => string | null} cursor where to continue
 * @property {() => void} opened
 * @property {(entry: Entry) => void} take
 * @property {(entries: Entry[], expired: boolean) => void} read after take(): all
 *   entries of one read; `expired`: the token expires soon
 * @property {(failure: Failure | null) => void} lost null: the gateway ended it
 */

const FIRST_PATIENCE_MS = 75_000; // 2.5 times the gateway's default between pings
const LEAST_PATIENCE_MS = 1000;
const FIRST_RETRY_MS = 3000;
export const MAX_DELAY_MS = 30_000;
const MIN_OPEN_MS = 1000; // before a token is renewed
const MAX_ERROR_TEXT = 500; // characters of an error response
const PING = '{"system": "ping"}';

/** A response that is not an event stream. */
class Refusal extends Error {
  /** @param {number} status @param {string} text @param {string | null} after */
  constructor(status, text, after) {
    super(text.trim().slice(0, MAX_ERROR_TEXT) || `status ${status}`);
    this.status = status;
    this.waitMs = /^\d+$/.test(after ?? "") ? Number(after) * 1000 : 0;
    // A retry would get the same response; 408 and 429 are temporary.
    this.final =
      status === 204 ||
      (status >= 400 && status < 500 && status !== 408 && status !== 429);
  }
}

export class Connection {
  #url;
  #options;
  #owner;
  #fetch;
  /** @type {AbortController | null} from start() to stop() */
  #life = null;
  /** @type {AbortController | null} the running attempt */
  #running = null;
  /** @type {(() => void) | null} ends the wait between two attempts */
  #wake = null;
  /** @type {number | null} the gateway's retry: */
  #retryMs = null;
  /** @type {number[]} ms between the last pings */
  #pings = [];
  #served = false; // has this attempt brought anything?
  /** @type {string | null} */
  #token = null;
  /** @type {string | null} token of the open subscription */
  #used = null;
  #openedAt = 0;
  /** @type {Promise<string> | null} */
  #asking = null;

  /**
   * @param {URL} url
   * @param {import("./sluice.js").Options} options
   * @param {Owner} owner
   * @param {typeof globalThis.fetch} fetch
   */
  constructor(url, options, owner, fetch) {
    this.#url = url;
    this.#options = options;
    this.#owner = owner;
    this.#fetch = fetch;
    this.idleTimeoutMs = options.idleTimeout ?? FIRST_PATIENCE_MS;
  }

  get running() {
    return this.#life !== null;
  }

  start() {
    if (this.#life === null) {
      this.#life = new AbortController();
      void this.#run(this.#life.signal);
    }
  }

  stop() {
    this.#life?.abort();
    this.#life = null;
    this.again();
  }

  /** Aborts the wait, or the running attempt, and starts another. */
  again() {
    this.#running?.abort();
    this.hurry();
  }

  /** Ends the wait between two attempts. */
  hurry() {
    this.#wake?.();
  }

  /** The next attempt uses a new token, from the option if that is a function. */
  forget(/** @type {string | undefined} */ token) {
    this.#token = null;
    if (token !== undefined) {
      this.#options = { ...this.#options, token };
    }
    this.again();
  }

  /** @param {AbortSignal} life */
  async #run(life) {
    let [failed, renewed] = [0, false];
    while (!life.aborted) {
      const controller = (this.#running = new AbortController());
      this.#served = false;
      /** @type {any} */
      const error = await this.#attempt(life, controller).then(() => null, (e) => e);
      if (life.aborted) {
        return;
      }
      failed = this.#served ? 0 : failed + 1;
      renewed &&= !this.#served;
      if (controller.signal.reason?.name === "AbortError") {
        continue; // again()
      }
      const { status = 0, waitMs = 0, final = false } = error ?? {};
      // Try a new token once, at once.
      const other =
        status === 401 && !renewed && typeof this.#options.token === "function";
      const message = String(error?.message ?? error);
      const failure = { status, message, final: final && !other };
      this.#owner.lost(error && failure);
      if (other) {
        [this.#token, renewed] = [null, true];
      } else if (!life.aborted) {
        await this.#wait(Math.max(waitMs, this.#delay(failed)));
      }
    }
  }

  /** Not before the gateway's retry: or Retry-After. @param {number} failed */
  #delay(failed) {
    const { maxDelay = MAX_DELAY_MS } = this.#options;
    const retryMs = this.#retryMs ?? Math.min(FIRST_RETRY_MS, maxDelay);
    const delay = retryMs * 2 ** Math.max(0, Math.min(failed, 10) - 1);
    return Math.min(delay, Math.max(retryMs, maxDelay)) * (1 + Math.random() / 2);
  }

  /** @param {number} ms */
  #wait(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake?.(), ms);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = null;
        resolve(null);
      };
    });
  }

  /** One request for all waiting calls; repeated when the token is no longer valid. */
  async #bearer() {
    const { token } = this.#options;
    if (typeof token !== "function" || this.#token !== null) {
      return typeof token === "string" ? token : this.#token;
    }
    this.#asking ??= Promise.resolve(token())
      .then((fresh) => (this.#token = fresh))
      .finally(() => (this.#asking = null));
    return this.#asking;
  }

  /** @param {string | null} token */
  #request(token) {
    const url = new URL(this.#url);
    url.searchParams.set("format", "json"); // with subject and headers
    for (const subject of this.#options.subjects ?? []) {
      url.searchParams.append("subject", subject);
    }
    const headers = new Headers(this.#options.headers);
    headers.set("Accept", "text/event-stream");
    if (token !== null) {
      headers.set("Authorization", `Bearer ${token}`);
    }
    const cursor = this.#owner.cursor();
    if (cursor !== null) {
      headers.set("Last-Event-ID", cursor);
    } else if (this.#options.deliver) {
      url.searchParams.set("deliver", this.#options.deliver);
    }
    return { url, headers };
  }

  /** @param {AbortSignal} life @param {AbortController} controller */
  async #attempt(life, controller) {
    const token = await this.#bearer();
    if (life.aborted) {
      return;
    }
    const { url, headers } = this.#request(token);
    const { credentials } = this.#options;
    const watch = this.#watch(controller);
    try {
      const answer = await this.#fetch(url, {
        headers, credentials, cache: "no-store", signal: controller.signal,
      });
      const type = answer.headers.get("Content-Type") ?? "no type";
      if (answer.status !== 200 || !type.startsWith("text/event-stream")) {
        throw new Refusal(
          answer.status,
          answer.status === 200 ? `not a stream: ${type}` : await answer.text(),
          answer.headers.get("Retry-After"),
        );
      }
      [this.#used, this.#openedAt] = [token, Date.now()];
      this.#owner.opened();
      const body = /** @type {ReadableStream<Uint8Array>} */ (answer.body);
      await this.#read(body.getReader(), controller, watch.byte);
    } finally {
      watch.end();
      controller.abort(new Error("done")); // the unread body of an error
    }
  }

  /** Aborts the attempt when no byte came within the idle timeout. @param {AbortController} controller */
  #watch(controller) {
    let last = Date.now();
    /** @type {ReturnType<typeof setTimeout>} */
    let timer;
    const look = () => {
      const left = last + this.idleTimeoutMs - Date.now();
      if (left <= 0) {
        controller.abort(new Error(`no byte for ${this.idleTimeoutMs} ms`));
      } else {
        timer = setTimeout(look, left);
      }
    };
    const byte = () => {
      last = Date.now();
      clearTimeout(timer);
      look();
    };
    look();
    return { byte, end: () => clearTimeout(timer) };
  }

  /**
   * @param {ReadableStreamDefaultReader<Uint8Array>} reader
   * @param {AbortController} controller
   * @param {() => void} byte
   */
  async #read(reader, controller, byte) {
    /** @type {Entry[]} */
    let entries = [];
    let [opening, expired, lastPing] = [true, false, Date.now()];
    const parser = new Parser(({ type, data, id }) => {
      if (controller.signal.aborted) {
        return; // stopped by a listener, in the midst of a piece
      }
      if (data === PING || (data === null && !opening)) {
        this.#measure(Date.now() - lastPing);
        lastPing = Date.now();
      }
      [opening, this.#served] = [false, true];
      expired ||= type === "system" && /"system": *"expired"/.test(data ?? "");
      const told = data !== null && data !== PING && type !== "system";
      const entry = {
        prev: this.#owner.cursor(),
        id: parse(id) && id,
        type: told ? type : null,
        data: told ? data : "",
      };
      if (told || entry.id !== entry.prev) {
        entries.push(entry);
        this.#owner.take(entry);
      }
    }, (ms) => (this.#retryMs = ms));
    for (;;) {
      const { done, value } = await reader.read();
      if (done || controller.signal.aborted) {
        return;
      }
      parser.push(value);
      byte(); // after it: the idleTimeout may be another now
      if (expired) {
        void this.#renew(controller);
      }
      this.#owner.read(entries, expired);
      [entries, expired] = [[], false];
    }
  }

  /** @param {number} ms since the last ping, or since the subscription opened */
  #measure(ms) {
    this.#pings = [...this.#pings.slice(-2), ms];
    const between = Math.max(...this.#pings);
    this.idleTimeoutMs =
      this.#options.idleTimeout ?? Math.max(LEAST_PATIENCE_MS, 2.5 * between);
  }

  /**
   * Reads the old subscription until there is another token. Without one it ends by
   * itself, and the failure is reported then. A token that has already expired must
   * not cause requests for the next without a pause.
   * @param {AbortController} controller
   */
  async #renew(controller) {
    const used = this.#used;
    const early = this.#openedAt + MIN_OPEN_MS - Date.now();
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, early)));
    if (controller.signal.aborted || typeof this.#options.token !== "function") {
      return;
    }
    this.#token = null;
    const token = await this.#bearer().catch(() => used);
    if (token === used) {
      this.#token = null; // there is no other yet
    } else {
      controller.abort();
    }
  }
}
