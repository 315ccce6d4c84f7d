// @ts-check
/**
 * Publishes a message to the stream, and waits until it is stored:
 *
 *     import { publish } from "./publish.js";
 *     const { id } = await publish("/api/v1/events", "hello", { subject: "rooms.7.in" });
 *
 * Each call has an idempotency key, its own or that of the caller, so a retry stores
 * nothing twice. With a precondition the gateway takes no key; then only what was surely
 * not sent is retried.
 */

/**
 * @typedef {object} PublishOptions
 * @property {string} [subject] default: the gateway's first `--subject`
 * @property {string} [key] the idempotency key; default: a random one
 * @property {number} [expect] last sequence of the subject, 0: none; no key
 * @property {Record<string, string>} [messageHeaders] headers of the message
 * @property {string | (() => string | Promise<string>)} [token] for `Authorization:
 *   Bearer`. A function is called again when the token is rejected.
 * @property {Record<string, string>} [headers] more headers of the request, such as the
 *   identity
 * @property {RequestCredentials} [credentials] as for fetch()
 * @property {number} [attempts] in all; default 5
 * @property {number} [maxDelay] ms between two attempts, without the time that the
 *   gateway asks for; 10000
 * @property {AbortSignal} [signal] ends the attempts
 *
 * @typedef {{stream: string, subject: string, seq: number, id: string,
 *   duplicate?: boolean}} Stored `duplicate`: it was stored before, with this key
 */

const ATTEMPTS = 5;
const FIRST_DELAY_MS = 200;
const MAX_DELAY_MS = 10_000;
const MAX_TEXT = 500; // characters of an error that is no problem+json

export class PublishError extends Error {
  /**
   * @param {number} status 0: no response
   * @param {{detail?: string, err_code?: number, current?: number, outcome?: string}} problem
   * @param {number} [retryAfterMs]
   */
  constructor(status, problem, retryAfterMs = 0) {
    super(problem.detail ?? `status ${status}`);
    this.name = "PublishError";
    this.status = status;
    /** JetStream's number. */
    this.code = problem.err_code;
    /** The last sequence, where a precondition failed. */
    this.current = problem.current;
    /** True: the message may be stored. 502 and 504 can be a proxy's, too. */
    this.unknown = [0, 502, 504].includes(status) || problem.outcome === "unknown";
    this.retryAfterMs = retryAfterMs;
  }
}

// randomUUID() needs HTTPS.
function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

/** @param {PublishOptions} options */
function headersOf({ headers, messageHeaders = {}, key, expect }) {
  const all = new Headers(headers);
  all.set("Content-Type", "application/octet-stream");
  for (const [name, value] of Object.entries(messageHeaders)) {
    all.set(`NatsH-${name}`, value);
  }
  if (expect === undefined) {
    all.set("Idempotency-Key", key ?? randomKey());
  } else if (expect === 0) {
    all.set("If-None-Match", "*");
  } else {
    all.set("If-Match", `"${expect}"`);
  }
  return all;
}

/** @param {Response} answer */
async function errorOf(answer) {
  const text = (await answer.text()).trim();
  const seconds = answer.headers.get("Retry-After") ?? "";
  const waitMs = /^\d+$/.test(seconds) ? Number(seconds) * 1000 : 0;
  const type = answer.headers.get("Content-Type") ?? "";
  let problem = { detail: text.slice(0, MAX_TEXT) || `status ${answer.status}` };
  if (type.startsWith("application/problem+json")) {
    problem = JSON.parse(text);
  }
  return new PublishError(answer.status, problem, waitMs);
}

/**
 * @param {URL} url @param {RequestInit} init
 * @returns {Promise<Stored>}
 */
async function attempt(url, init) {
  /** @type {Response} */
  let answer;
  try {
    answer = await fetch(url, init);
    if (answer.ok) {
      return await answer.json();
    }
  } catch (e) {
    init.signal?.throwIfAborted();
    throw new PublishError(0, { detail: String(e) });
  }
  throw await errorOf(answer);
}

/** @param {PublishError} error @param {boolean} hasKey */
function isWorthRetry(error, hasKey) {
  return error.unknown ? hasKey : [408, 429, 503].includes(error.status);
}

/** @param {number} ms @param {AbortSignal} [signal] */
function wait(ms, signal) {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve(null);
    }, ms);
    signal?.addEventListener("abort", abort, { once: true });
  });
}

/**
 * @param {string | URL} url the gateway's `/api/v1/events`
 * @param {string | Uint8Array<ArrayBuffer>} data
 * @param {PublishOptions} [options]
 * @returns {Promise<Stored>} rejects with a PublishError
 */
export async function publish(url, data, options = {}) {
  const { subject, expect, token, credentials, signal } = options;
  const { attempts = ATTEMPTS, maxDelay = MAX_DELAY_MS } = options;
  const whole = new URL(url, globalThis.document?.baseURI);
  if (subject !== undefined) {
    whole.searchParams.set("subject", subject);
  }
  const headers = headersOf(options); // one key for all attempts
  for (let n = 1, renewed = false; ; n++) {
    if (token !== undefined) {
      const bearer = typeof token === "function" ? await token() : token;
      headers.set("Authorization", `Bearer ${bearer}`);
    }
    signal?.throwIfAborted();
    try {
      return await attempt(whole, {
        method: "POST", body: data, headers, credentials, cache: "no-store", signal,
      });
    } catch (e) {
      const error = /** @type {PublishError} */ (e);
      if (!(e instanceof PublishError) || n >= attempts) {
        throw e;
      }
      if (error.status === 401 && typeof token === "function" && !renewed) {
        renewed = true;
        continue; // at once, with another token
      }
      if (!isWorthRetry(error, expect === undefined)) {
        throw e;
      }
      const delay = Math.min(FIRST_DELAY_MS * 2 ** (n - 1), maxDelay);
      await wait(Math.max(error.retryAfterMs, delay * (1 + Math.random() / 2)), signal);
    }
  }
}
