// @ts-check
/**
 * A client for pages: one subscription for all tabs of an origin.
 *
 *     import { Sluice } from "./sluice.js";
 *     const events = new Sluice("/api/v1/events", { keep: "session" });
 *     events.addEventListener("message", (e) => console.log(e.subject, e.data));
 *
 * How tabs share. Every tab has a cursor: the id up to which it has dispatched
 * everything. The tab with the Web Lock is the leader: it has the connection, and
 * sends what it reads by BroadcastChannel, each entry with the cursor before it
 * (`prev`) and after it (`id`). Another tab takes an entry only when its own cursor
 * is at `prev` or beyond, and before `id`. So no entry is dispatched twice or
 * skipped, with any leader, and even with two.
 *
 * A tab that is behind, or has no cursor yet, opens a connection of its own. It
 * keeps the leader's entries meanwhile; when it has reached them it joins, and
 * closes its connection. This one rule serves a tab that opens, one that was frozen,
 * a lost message, and a leader that hangs. When the leader goes, another tab gets
 * the lock, and continues from its own cursor. A tab leaves before it is frozen or
 * put into the back/forward cache.
 */

import { Connection, MAX_DELAY_MS } from "./connection.js";
import { covers, parse } from "./cursor.js";
import { messageOf } from "./message.js";

/**
 * @typedef {import("./connection.js").Entry} Entry
 * @typedef {import("./connection.js").Failure} Failure
 * @typedef {"connecting" | "open" | "rejected" | "closed"} State
 *
 * A message of the leader: its cursor, and new entries.
 * @typedef {{at: string | null, state: State, idleTimeoutMs: number, entries: Entry[],
 *   expired?: boolean, failure?: Failure}} Announcement
 *
 * @typedef {object} Options
 * @property {string[]} [subjects] patterns to follow; default: the gateway's own
 * @property {"new" | "all" | "last"} [deliver] start position without a cursor
 * @property {string} [cursor] an event id: start after it
 * @property {"memory" | "session" | "local"} [keep] where the cursor is kept: for
 *   the life of this object (default), of the tab, or beyond and for all tabs
 * @property {string | false} [share] a name: tabs with the same name share a
 *   connection, if their `subjects` are the same. Default: the URL and the headers;
 *   no sharing with a `token`. The name must differ between users. `false`: no
 *   sharing.
 * @property {string | (() => string | Promise<string>)} [token] for `Authorization:
 *   Bearer`. A function is called again when the token expires, or is rejected.
 * @property {Record<string, string>} [headers] more headers, such as the identity
 * @property {RequestCredentials} [credentials] as for fetch()
 * @property {number} [idleTimeout] ms without a byte after which a connection is dead;
 *   default: 2.5 times the measured time between pings
 * @property {number} [maxDelay] ms between two attempts to connect; 30000
 * @property {AbortSignal} [signal] closes it
 */

const MAX_HELD = 4 << 20; // characters held back while a tab catches up
const WHO = "who leads?";

/** The environment; tests replace it. */
function surroundings() {
  return {
    fetch: globalThis.fetch.bind(globalThis),
    locks: globalThis.navigator?.locks,
    BroadcastChannel: globalThis.BroadcastChannel,
    window: /** @type {EventTarget | undefined} */ (globalThis.window),
    document: /** @type {EventTarget | undefined} */ (globalThis.document),
    /** @param {"session" | "local"} keep */
    storage: (keep) =>
      keep === "local" ? globalThis.localStorage : globalThis.sessionStorage,
    base: globalThis.document?.baseURI,
  };
}

/**
 * What is dispatched, by type:
 * - `message`: subject, data (a string; bytes where the payload is not text), id,
 *   sequence, time, headers, and the name that the gateway gave to the event
 * - `gap`: messages after `after` and before `first` are gone; `reset`: the stream was
 *   recreated or rolled back, and continues with `first`
 * - `expired`: the token expires soon
 * - `error`: status (0 without a response), message, final
 * - `state`: state, at each change; `open` and `close` are two of these
 */
export class SluiceEvent extends Event {
  /** @type {string | Uint8Array} */ data = "";
  id = "";
  sequence = 0n;
  subject = "";
  name = "";
  /** When the server stored it, as text: it may have nanoseconds. */ time = "";
  /** @type {Map<string, (string | Uint8Array)[]>} */ headers = new Map();
  after = 0n;
  first = 0n;
  status = 0;
  message = "";
  final = false;
  /** @type {State} */ state = "connecting";

  /** @param {string} type @param {object} fields */
  constructor(type, fields) {
    super(type);
    Object.assign(this, fields);
  }
}

export class Sluice extends EventTarget {
  /** @type {State} */
  #state = "connecting";
  #options;
  #env;
  #name;
  #connection;
  #closed = new AbortController();
  /** @type {string | null} */
  #cursor = null;
  /** @type {AbortController | null} from #enter() to #leave() */
  #life = null;
  /** @type {BroadcastChannel | null} */
  #channel = null;
  #leader = false;
  #shares = true;
  /** @type {Announcement | null} the leader's last, while behind */
  #announcement = null;
  /** @type {Entry[]} the leader's, while behind */
  #held = [];
  #heldSize = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #silence;

  /**
   * @param {string | URL} url
   * @param {Options} [options]
   * @param {ReturnType<typeof surroundings>} [env]
   */
  constructor(url, options = {}, env = surroundings()) {
    super();
    this.#env = env;
    this.#options = options;
    const { headers = {}, signal, subjects = [], token } = options;
    const whole = new URL(url, env.base);
    // Tabs do not know the user of a token: another user of this browser would see
    // these events.
    const share = options.share ?? (token === undefined ? undefined : false);
    this.#shares = share !== false;
    // Events of other subjects are not this tab's, nor is their cursor.
    this.#name = `sluice:${share || `${whole} ${JSON.stringify(headers)}`}` +
      (subjects.length > 0 ? ` ${[...subjects].sort().join(" ")}` : "");
    this.#cursor = options.cursor ?? this.#stored();
    if (this.#cursor !== null && parse(this.#cursor) === null) {
      throw new TypeError(`${this.#cursor} is no cursor`);
    }
    this.#connection = new Connection(whole, options, {
      cursor: () => this.#cursor,
      opened: () => this.#opened(),
      take: (entry) => this.#take(entry),
      read: (entries, expired) => this.#read(entries, expired),
      lost: (failure) => this.#lost(failure),
    }, env.fetch);
    const until = { signal: this.#closed.signal };
    env.window?.addEventListener("pagehide", () => this.#leave(), until);
    env.window?.addEventListener("pageshow", () => this.#enter(), until);
    env.document?.addEventListener("freeze", () => this.#leave(), until);
    env.document?.addEventListener("resume", () => this.#enter(), until);
    env.window?.addEventListener("online", () => this.#connection.hurry(), until);
    signal?.addEventListener("abort", () => this.close(), until);
    // Later, so that the caller can add listeners first.
    queueMicrotask(() => (signal?.aborted ? this.close() : this.#enter()));
  }

  get state() {
    return this.#state;
  }

  /** The id up to which everything has been dispatched here. */
  get cursor() {
    return this.#cursor;
  }

  /** True: this tab has the connection for the others. */
  get leader() {
    return this.#leader;
  }

  /** Ends it for good. */
  close() {
    this.#leave();
    this.#be("closed");
    this.#closed.abort();
  }

  /**
   * Reconnects from its cursor, with a new token; also after an error.
   * @param {string} [token] instead of the option
   */
  renew(token) {
    this.#connection.forget(token);
    if (this.#state === "rejected") {
      this.#be("connecting");
      this.#enter();
    }
  }

  /** @param {string} type @param {object} fields */
  #emit(type, fields) {
    this.dispatchEvent(new SluiceEvent(type, fields));
  }

  /** @param {State} state */
  #be(state) {
    if (this.#state !== state && this.#state !== "closed") {
      this.#state = state;
      this.#emit("state", { state });
      if (state === "open" || state === "closed") {
        this.#emit(state === "open" ? "open" : "close", { state });
      }
    }
  }

  // ---- the kept cursor -----------------------------------------------------

  #storage() {
    const { keep } = this.#options;
    return keep === "session" || keep === "local" ? this.#env.storage(keep) : null;
  }

  #stored() {
    try {
      const id = this.#storage()?.getItem(this.#name) ?? null;
      return parse(id) && id;
    } catch {
      return null; // the user allows none
    }
  }

  /** Only the tab with the connection writes what is kept for all tabs. */
  #store() {
    const ours =
      this.#options.keep === "session" || this.#leader || this.#channel === null;
    if (ours && this.#cursor !== null) {
      try {
        this.#storage()?.setItem(this.#name, this.#cursor);
      } catch {
        // not allowed, or full
      }
    }
  }

  // ---- among the tabs ------------------------------------------------------

  #enter() {
    if (this.#life || this.#state === "rejected" || this.#state === "closed") {
      return;
    }
    const life = (this.#life = new AbortController());
    const { locks, BroadcastChannel } = this.#env;
    if (locks && BroadcastChannel && this.#shares) {
      this.#channel = new BroadcastChannel(this.#name);
      this.#channel.onmessage = (e) => this.#hear(e.data);
      this.#channel.postMessage(WHO);
      const turn = () => (life.signal.aborted ? undefined : this.#lead(life));
      locks.request(this.#name, { signal: life.signal }, turn)
        .catch(() => this.#alone(life));
    }
    this.#catchUp();
  }

  /** Releases connection and lock; #enter() continues from the cursor. */
  #leave() {
    this.#life?.abort();
    [this.#life, this.#leader] = [null, false];
    this.#connection.stop();
    clearTimeout(this.#silence);
    this.#channel?.close();
    this.#channel = null;
    if (this.#state === "open") {
      this.#be("connecting");
    }
  }

  /** No lock: this tab left before it got one, or there are no Web Locks. */
  #alone(/** @type {AbortController} */ life) {
    if (!life.signal.aborted) {
      this.#channel?.close();
      this.#channel = null;
      this.#catchUp();
    }
  }

  /** This tab has the lock until this resolves. @param {AbortController} life */
  #lead(life) {
    this.#leader = true;
    clearTimeout(this.#silence);
    this.#catchUp();
    this.#store();
    this.#tell();
    return new Promise((resolve) =>
      life.signal.addEventListener("abort", resolve),
    );
  }

  /** @param {Partial<Announcement>} [more] */
  #tell(more = {}) {
    if (this.#leader) {
      const { idleTimeoutMs } = this.#connection;
      const announcement = { at: this.#cursor, state: this.#state, idleTimeoutMs };
      this.#channel?.postMessage({ ...announcement, entries: [], ...more });
    }
  }

  /** @param {Announcement | string} announcement */
  #hear(announcement) {
    if (typeof announcement === "string") {
      this.#tell();
      return;
    }
    if (!this.#life || this.#leader) {
      return;
    }
    this.#listen(announcement.idleTimeoutMs);
    this.#announcement = announcement;
    if (this.#connection.running) {
      this.#hold(announcement.entries);
      this.#join();
      return;
    }
    this.#follow(announcement);
    if (this.#life && announcement.at !== null && !covers(this.#cursor, announcement.at)) {
      this.#catchUp();
      this.#announcement = announcement;
      this.#hold(announcement.entries);
    }
  }

  /** A leader that fails reports every attempt: one that is silent hangs. */
  #listen(/** @type {number} */ idleTimeoutMs) {
    const { maxDelay = MAX_DELAY_MS } = this.#options;
    const ms = 2 * Math.max(idleTimeoutMs, maxDelay);
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#catchUp(), ms);
  }

  /** Takes the leader's next entries. @param {Announcement} announcement */
  #follow({ state, entries, expired, failure }) {
    this.#be(state);
    for (const entry of entries) {
      if (!this.#life || !covers(this.#cursor, entry.prev)) {
        break;
      }
      if (!covers(this.#cursor, entry.id)) {
        this.#take(entry);
      }
    }
    this.#store();
    if (this.#life && expired) {
      this.#emit("expired", {});
    }
    if (this.#life && failure) {
      this.#emit("error", failure);
    }
  }

  #catchUp() {
    [this.#announcement, this.#held, this.#heldSize] = [null, [], 0];
    this.#connection.start();
  }

  /** @param {Entry[]} entries */
  #hold(entries) {
    for (const entry of entries) {
      this.#held.push(entry);
      this.#heldSize += entry.data.length + 100;
    }
    while (this.#heldSize > MAX_HELD) {
      const entry = /** @type {Entry} */ (this.#held.shift());
      this.#heldSize -= entry.data.length + 100;
    }
  }

  /** A tab that has reached the leader needs no connection of its own. */
  #join() {
    const announcement = this.#announcement;
    if (this.#leader || announcement === null) {
      return;
    }
    const next = this.#held.findIndex((e) => covers(this.#cursor, e.prev));
    if (next >= 0 || covers(this.#cursor, announcement.at)) {
      const entries = next < 0 ? [] : this.#held.slice(next);
      this.#connection.stop();
      this.#held = [];
      this.#follow({ ...announcement, entries });
    }
  }

  // ---- what comes ----------------------------------------------------------

  #opened() {
    this.#be("open");
    this.#tell();
  }

  /** @param {Entry[]} entries @param {boolean} expired */
  #read(entries, expired) {
    this.#store();
    this.#tell({ entries, expired });
    this.#join();
    if (expired) {
      this.#emit("expired", {});
    }
  }

  /** @param {Failure | null} failure */
  #lost(failure) {
    if (failure?.final) {
      this.#leave(); // another tab may have a better token
      this.#be("rejected");
    } else {
      this.#be("connecting");
      this.#tell(failure ? { failure } : {});
    }
    if (failure) {
      this.#emit("error", failure);
    }
  }

  /** @param {Entry} entry */
  #take({ id, type, data }) {
    this.#cursor = id ?? this.#cursor;
    const fields = { data, id: id ?? "", sequence: parse(id)?.sequence ?? 0n };
    if (type === "gap") {
      // Not JSON.parse(): it rounds numbers above 2^53.
      const number = (/** @type {string} */ name) =>
        BigInt(new RegExp(`"${name}": *(\\d+)`).exec(data)?.[1] ?? 0);
      const [after, first] = [number("after"), number("first")];
      const kind = /"reason": *"reset"/.test(data) ? "reset" : "gap";
      this.#emit(kind, { ...fields, after, first });
    } else if (type !== null) {
      // Not by its name, which is the publisher's and may be "state" or "close".
      this.#emit("message", { ...fields, ...messageOf(type, data, id) });
    }
  }
}
