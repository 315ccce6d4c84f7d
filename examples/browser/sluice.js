// @ts-check
/**
 * A client for pages: one stream of a sluice gateway for all tabs of an origin.
 *
 *     import { Sluice } from "./sluice.js";
 *     const events = new Sluice("/api/v1/events", { keep: "session" });
 *     events.addEventListener("message", (e) => console.log(e.id, e.data));
 *
 * How the tabs share. Every tab has a cursor: the id up to which it has dispatched
 * everything. The tab that holds the Web Lock leads: it has the connection, and by
 * BroadcastChannel hands on what it reads, each entry with the cursor before it
 * (`prev`) and after it (`id`). Another tab takes an entry only when its own cursor
 * is at `prev` or beyond, and before `id`. So nothing is taken twice, and nothing
 * is passed over unseen, whoever leads, and even where two do.
 *
 * A tab that is behind, or has no cursor yet, opens a connection of its own. It
 * holds back what the leader says meanwhile; when it has come up to that it joins,
 * and closes its connection. This one rule serves a tab that opens, one that was
 * frozen, a message that was lost, and a leader that hangs. When the leader goes,
 * the lock falls to another tab, which goes on from its own cursor. A tab leaves
 * before it is frozen or put aside.
 */

import { Connection, MAX_DELAY_MS } from "./connection.js";
import { covers, parse } from "./cursor.js";

/**
 * @typedef {import("./connection.js").Entry} Entry
 * @typedef {import("./connection.js").Trouble} Trouble
 * @typedef {"connecting" | "open" | "refused" | "closed"} State
 *
 * What a leader says: where it is, and what has come.
 * @typedef {{at: string | null, state: State, patienceMs: number, entries: Entry[],
 *   expired?: boolean, trouble?: Trouble}} Word
 *
 * @typedef {object} Options
 * @property {"new" | "all" | "last"} [deliver] where to begin without a cursor
 * @property {string} [cursor] an id: begin behind it
 * @property {"memory" | "session" | "local"} [keep] where the cursor is kept: for
 *   the life of this object (default), of the tab, or beyond and for all tabs
 * @property {string | false} [share] a name: those who share a connection. The URL
 *   and the headers if not given, and nobody with a `token`. It must tell users
 *   apart. `false`: nobody.
 * @property {string | (() => string | Promise<string>)} [token] for `Authorization:
 *   Bearer`. A function is asked again when the token expires, or is refused.
 * @property {Record<string, string>} [headers] more of them, such as an identity's
 * @property {RequestCredentials} [credentials] as for fetch()
 * @property {number} [patience] ms without a byte after which a connection is dead;
 *   if not given 2.5 times the time between pings, measured
 * @property {number} [maxDelay] ms between two attempts to connect; 30000
 * @property {AbortSignal} [signal] closes it
 */

const MAX_HELD = 4 << 20; // characters held back while a tab catches up
const WHO = "who leads?";

/** What it stands on; tests put other things in its place. */
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
 * - `message`: data (a string; bytes where the payload is not text), id, sequence
 * - `gap`: messages behind `after` and before `first` are gone; `reset`: the
 *   JetStream stream is another now, and goes on with `first`
 * - `expired`: what let us in ends soon
 * - `error`: status (0 without an answer), message, final
 * - `state`: state, whenever it changes; `open` and `close` are two of these
 */
export class SluiceEvent extends Event {
  /** @type {string | Uint8Array} */ data = "";
  id = "";
  sequence = 0n;
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
  /** @type {Word | null} the leader's last, since we have been behind */
  #word = null;
  /** @type {Entry[]} the leader's, since we have been behind */
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
    const { headers = {}, signal, token } = options;
    const whole = new URL(url, env.base);
    // A token tells users apart, and tabs don't know whose it is: another user of
    // this browser would see these events.
    const share = options.share ?? (token === undefined ? undefined : false);
    this.#shares = share !== false;
    this.#name = `sluice:${share || `${whole} ${JSON.stringify(headers)}`}`;
    this.#cursor = options.cursor ?? this.#stored();
    if (this.#cursor !== null && parse(this.#cursor) === null) {
      throw new TypeError(`${this.#cursor} is no cursor`);
    }
    this.#connection = new Connection(whole, options, {
      cursor: () => this.#cursor,
      opened: () => this.#opened(),
      take: (entry) => this.#take(entry),
      read: (entries, expired) => this.#read(entries, expired),
      lost: (trouble) => this.#lost(trouble),
    }, env.fetch);
    const until = { signal: this.#closed.signal };
    env.window?.addEventListener("pagehide", () => this.#leave(), until);
    env.window?.addEventListener("pageshow", () => this.#enter(), until);
    env.document?.addEventListener("freeze", () => this.#leave(), until);
    env.document?.addEventListener("resume", () => this.#enter(), until);
    env.window?.addEventListener("online", () => this.#connection.hurry(), until);
    signal?.addEventListener("abort", () => this.close(), until);
    // Later, so that whoever makes it can listen first.
    queueMicrotask(() => (signal?.aborted ? this.close() : this.#enter()));
  }

  get state() {
    return this.#state;
  }

  /** The id up to which everything has been dispatched here. */
  get cursor() {
    return this.#cursor;
  }

  /** Has this tab the connection for the others? */
  get leader() {
    return this.#leader;
  }

  /** For good. */
  close() {
    this.#leave();
    this.#be("closed");
    this.#closed.abort();
  }

  /**
   * Connects again, from its cursor, with a new token; also after a refusal.
   * @param {string} [token] in place of the option
   */
  renew(token) {
    this.#connection.forget(token);
    if (this.#state === "refused") {
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

  /** What is kept for all tabs is for the one to say that has the connection. */
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
    if (this.#life || this.#state === "refused" || this.#state === "closed") {
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

  /** Gives up connection and lock; #enter() goes on from the cursor. */
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

  /** No lock: we left before our turn, or there are none for us. */
  #alone(/** @type {AbortController} */ life) {
    if (!life.signal.aborted) {
      this.#channel?.close();
      this.#channel = null;
      this.#catchUp();
    }
  }

  /** The lock is ours until this resolves. @param {AbortController} life */
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

  /** @param {Partial<Word>} [more] */
  #tell(more = {}) {
    if (this.#leader) {
      const { patienceMs } = this.#connection;
      const word = { at: this.#cursor, state: this.#state, patienceMs };
      this.#channel?.postMessage({ ...word, entries: [], ...more });
    }
  }

  /** @param {Word | string} word */
  #hear(word) {
    if (typeof word === "string") {
      this.#tell();
      return;
    }
    if (!this.#life || this.#leader) {
      return;
    }
    this.#listen(word.patienceMs);
    this.#word = word;
    if (this.#connection.running) {
      this.#hold(word.entries);
      this.#join();
      return;
    }
    this.#follow(word);
    if (this.#life && word.at !== null && !covers(this.#cursor, word.at)) {
      this.#catchUp();
      this.#word = word;
      this.#hold(word.entries);
    }
  }

  /** A leader in trouble says so at every attempt: one that is silent hangs. */
  #listen(/** @type {number} */ patienceMs) {
    const { maxDelay = MAX_DELAY_MS } = this.#options;
    const ms = 2 * Math.max(patienceMs, maxDelay);
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#catchUp(), ms);
  }

  /** Of the leader's, what comes next here. @param {Word} word */
  #follow({ state, entries, expired, trouble }) {
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
    if (this.#life && trouble) {
      this.#emit("error", trouble);
    }
  }

  #catchUp() {
    [this.#word, this.#held, this.#heldSize] = [null, [], 0];
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

  /** Have we come up to the leader? Then its connection is enough. */
  #join() {
    const word = this.#word;
    if (this.#leader || word === null) {
      return;
    }
    const next = this.#held.findIndex((e) => covers(this.#cursor, e.prev));
    if (next >= 0 || covers(this.#cursor, word.at)) {
      const entries = next < 0 ? [] : this.#held.slice(next);
      this.#connection.stop();
      this.#held = [];
      this.#follow({ ...word, entries });
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

  /** @param {Trouble | null} trouble */
  #lost(trouble) {
    if (trouble?.final) {
      this.#leave(); // another tab may have a better token
      this.#be("refused");
    } else {
      this.#be("connecting");
      this.#tell(trouble ? { trouble } : {});
    }
    if (trouble) {
      this.#emit("error", trouble);
    }
  }

  /** @param {Entry} entry */
  #take({ id, type, data }) {
    this.#cursor = id ?? this.#cursor;
    const fields = { data, id: id ?? "", sequence: parse(id)?.sequence ?? 0n };
    if (type === "gap") {
      // By hand: JSON.parse() rounds what is above 2^53.
      const number = (/** @type {string} */ name) =>
        BigInt(new RegExp(`"${name}": *(\\d+)`).exec(data)?.[1] ?? 0);
      const [after, first] = [number("after"), number("first")];
      const kind = /"reason": *"reset"/.test(data) ? "reset" : "gap";
      this.#emit(kind, { ...fields, after, first });
    } else if (type === "base64") {
      const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
      this.#emit("message", { ...fields, data: bytes });
    } else if (type !== null) {
      this.#emit(type, fields);
    }
  }
}
