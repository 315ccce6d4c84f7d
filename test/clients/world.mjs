// A world for the client of examples/browser without a browser: tabs that can be
// frozen, killed and hung, their locks and channels, and a gateway that can be cut
// at any byte. What a tab dispatches is written down.

import { Sluice } from "../../examples/browser/sluice.js";
import { parse } from "../../examples/browser/cursor.js";

const SLOW = 3;

/** Numbers that look random, the same ones for the same seed. */
export function dice(seed) {
  let state = seed * 2654435761 + 1;
  return (below) => {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    return Math.floor((state / 0x80000000) * below);
  };
}

/** The gateway: one stream of alice's messages; sequences of others have none. */
export class World {
  constructor(seed = 1) {
    this.roll = dice(seed);
    this.tags = ["aaaaaa"];
    this.messages = []; // { generation, sequence, data }
    this.last = 9_007_199_254_740_990n; // soon above 2^53
    this.first = this.last + 1n;
    this.flows = new Set();
    this.tabs = [];
    this.up = true;
    this.refuse = null; // (request) -> Response or null
    this.requests = [];
    this.locks = new Map(); // name -> [{ tab, grant }], the first one holds it
  }

  get tag() {
    return this.tags.at(-1);
  }

  get generation() {
    return this.tags.length - 1;
  }

  id(sequence) {
    return `${sequence}-${this.tag}`;
  }

  // ---- what happens to the stream ----

  publish(data = `m${this.last + 1n}`) {
    this.last++;
    const { generation, last: sequence } = this;
    this.messages.push({ generation, sequence, data });
    this.#sendAll(this.frame(sequence, data));
    return this.id(sequence);
  }

  /** As with `format=json`. */
  frame(sequence, data) {
    const id = this.id(sequence);
    const line = JSON.stringify({ seq: 0, subject: "events.alice", id, data });
    return `data: ${line.replace('"seq":0', `"seq":${sequence}`)}\nid: ${id}\n\n`;
  }

  /** A message of another subject, and so the id of a ping. */
  ping() {
    this.last++;
    this.#sendAll(`data: {"system": "ping"}\nid: ${this.id(this.last)}\n\n`);
  }

  /** What is stored goes. An open stream has it already. */
  purge() {
    this.first = this.last + 1n;
  }

  /** The stream is recreated. */
  reset() {
    this.tags.push(this.tags.length.toString(16).padStart(6, "b"));
    [this.last, this.first] = [0n, 1n];
    this.#sendAll(this.#gap("reset", 0n));
  }

  #gap(reason, after) {
    const data = `{"system": "gap", "reason": "${reason}", "after": ${after}, "first": ${this.first}}`;
    return `event: gap\ndata: ${data}\nid: ${this.id(this.first - 1n)}\n\n`;
  }

  // ---- connections ----

  #sendAll(text) {
    for (const flow of this.flows) {
      flow.send(text);
    }
  }

  cutAll() {
    for (const flow of [...this.flows]) {
      flow.cut();
    }
  }

  #opening(cursor, deliver) {
    const at = parse(cursor);
    let from = deliver === "all" ? this.first - 1n : this.last;
    let text = 'retry: 1\nevent: system\ndata: {"system": "open"}\n';
    if (at === null) {
      return { text: `${text}id: ${this.id(from)}\n\n`, from };
    }
    text += `id: ${cursor}\n\n`;
    from = at.sequence;
    if (at.tag !== this.tag || from > this.last) {
      text += this.#gap("reset", from);
      from = this.first - 1n;
    } else if (from + 1n < this.first) {
      text += this.#gap("expired", from);
      from = this.first - 1n;
    }
    return { text, from };
  }

  fetch(tab, url, { headers, signal }) {
    this.requests.push({ tab, url, headers });
    const refused = this.refuse?.({ tab, url, headers });
    if (refused) {
      return refused;
    }
    if (!this.up) {
      throw new TypeError("cannot connect");
    }
    const cursor = headers.get("Last-Event-ID");
    const { text, from } = this.#opening(cursor, url.searchParams.get("deliver"));
    if (cursor === null) {
      tab.begin = { generation: this.generation, sequence: from };
    }
    const flow = new Flow(this, tab, signal);
    flow.send(text);
    for (const m of this.messages) {
      if (m.generation === this.generation && m.sequence > from && m.sequence >= this.first) {
        flow.send(this.frame(m.sequence, m.data));
      }
    }
    return flow.answer;
  }

  // ---- locks and channels ----

  request(tab, name, { signal }, turn) {
    return new Promise((resolve, reject) => {
      const queue = this.locks.get(name) ?? [];
      this.locks.set(name, queue);
      const entry = { tab, granted: false };
      entry.release = () => {
        const at = queue.indexOf(entry);
        if (at >= 0) {
          queue.splice(at, 1);
        }
        resolve();
        queue[0]?.grant();
      };
      entry.grant = () => {
        if (!entry.granted) {
          entry.granted = true;
          setImmediate(() => tab.do(async () => {
            await turn();
            entry.release();
          }));
        }
      };
      signal.addEventListener("abort", () => {
        if (!entry.granted) {
          entry.release();
          reject(signal.reason);
        }
      });
      queue.push(entry);
      queue[0].grant();
    });
  }

  /** What the browser does for a tab that is gone. */
  releaseAll(tab) {
    for (const queue of this.locks.values()) {
      queue.filter((e) => e.tab === tab).forEach((e) => e.release());
    }
  }

  open(options) {
    const tab = new Tab(this, options);
    this.tabs.push(tab);
    return tab;
  }

  get leaders() {
    return this.tabs.filter((t) => !t.dead && t.client.leader);
  }

  finish() {
    this.tabs.forEach((t) => t.kill());
  }
}

/** A connection: bytes come in pieces of any size, and may end anywhere. */
class Flow {
  constructor(world, tab, signal) {
    this.world = world;
    this.tab = tab;
    this.bytes = [];
    this.late = [];
    const body = new ReadableStream({
      start: (c) => (this.controller = c),
    });
    this.answer = new Response(body, {
      headers: { "Content-Type": "text/event-stream" },
    });
    world.flows.add(this);
    signal.addEventListener("abort", () => this.#end(signal.reason));
    this.scheduled = false;
  }

  send(text) {
    this.late.push(text);
    if (this.tab.slow && this.late.length <= SLOW) {
      return;
    }
    text = this.late.splice(0, this.tab.slow ? 1 : Infinity).join("");
    this.bytes.push(...new TextEncoder().encode(text));
    if (!this.scheduled) {
      this.scheduled = true;
      setImmediate(() => this.tab.do(() => this.#pass()));
    }
  }

  #pass() {
    this.scheduled = false;
    if (!this.world.flows.has(this)) {
      return;
    }
    const piece = this.bytes.splice(0, 1 + this.world.roll(400));
    this.controller.enqueue(Uint8Array.from(piece));
    if (this.bytes.length > 0) {
      this.scheduled = true;
      setImmediate(() => this.tab.do(() => this.#pass()));
    }
  }

  #end(error) {
    if (this.world.flows.delete(this)) {
      this.controller.error(error);
    }
  }

  cut() {
    this.#end(new TypeError("network error"));
  }
}

class Storage {
  items = new Map();
  getItem(name) {
    return this.items.get(name) ?? null;
  }
  setItem(name, value) {
    this.items.set(name, value);
  }
}

/** A page with one client in it. */
export class Tab {
  constructor(world, options = {}, storage = undefined) {
    this.world = world;
    this.dead = false;
    this.hung = null; // what is to be done once it goes on
    this.frozen = false;
    this.deaf = 0; // so many words of others it misses
    this.slow = false; // its connection is always some messages late
    this.window = new EventTarget();
    this.document = new EventTarget();
    this.channels = new Set();
    this.log = []; // SluiceEvents
    this.begin = null;
    this.session = storage ?? new Storage();
    const at = parse(options.cursor ?? null);
    if (at !== null) {
      this.begin = { generation: world.tags.indexOf(at.tag), sequence: at.sequence };
    }
    this.options = options;
    this.client = new Sluice("http://gateway/events", options, this.#env());
    for (const type of ["message", "gap", "reset", "expired", "error", "open", "close", "state"]) {
      this.client.addEventListener(type, (e) => {
        if (!this.dead) {
          this.log.push(e);
        }
      });
    }
  }

  /** Now, or when it goes on. A dead one does nothing. */
  do(what) {
    if (this.dead) {
      return;
    }
    if (this.hung) {
      this.hung.push(what);
    } else {
      what();
    }
  }

  #env() {
    const { world, channels } = this;
    const tab = this;
    class Channel {
      constructor(name) {
        this.name = name;
        this.tab = tab;
        channels.add(this);
      }
      postMessage(message) {
        const copy = structuredClone(message);
        tab.do(() => this.#deliver(copy));
      }
      #deliver(copy) {
        for (const other of world.tabs) {
          for (const channel of other.channels) {
            if (channel !== this && channel.name === this.name) {
              channel.take(copy);
            }
          }
        }
      }
      take(copy) {
        if (tab.deaf > 0) {
          tab.deaf--;
          return;
        }
        setImmediate(() => tab.do(() => {
          if (channels.has(this)) {
            this.onmessage({ data: copy });
          }
        }));
      }
      close() {
        channels.delete(this);
      }
    }
    return {
      fetch: (url, init) => new Promise((resolve, reject) => {
        const abort = () => reject(init.signal.reason);
        init.signal.addEventListener("abort", abort);
        setImmediate(() => tab.do(() => {
          try {
            init.signal.throwIfAborted();
            resolve(world.fetch(tab, url, init));
          } catch (e) {
            reject(e);
          }
        }));
      }),
      locks: { request: (...args) => world.request(tab, ...args) },
      BroadcastChannel: Channel,
      window: this.window,
      document: this.document,
      storage: (kind) => (kind === "local" ? (world.local ??= new Storage()) : tab.session),
      base: "http://gateway/",
    };
  }

  /** The browser puts it aside, and says so. */
  freeze() {
    this.document.dispatchEvent(new Event("freeze"));
    this.hung = [];
    this.frozen = true;
  }

  resume() {
    this.goOn();
    this.frozen = false;
    this.document.dispatchEvent(new Event("resume"));
  }

  /** It does nothing any more and says nothing, and has what it has. */
  hang() {
    this.hung = [];
  }

  goOn() {
    const waiting = this.hung;
    this.hung = null;
    waiting.forEach((what) => this.do(what));
  }

  /** As by a crash. */
  kill() {
    if (this.dead) {
      return;
    }
    this.dead = true;
    this.channels.clear();
    for (const flow of [...this.world.flows].filter((f) => f.tab === this)) {
      flow.cut();
    }
    this.world.releaseAll(this);
    this.client.close(); // of its timers
  }

  get messages() {
    return this.log.filter((e) => e.type === "message");
  }

  got(type) {
    return this.log.filter((e) => e.type === type);
  }

  #generation(id) {
    return this.world.tags.indexOf(parse(id).tag);
  }

  /**
   * The fault in this tab's events, or null: every message from its start to its
   * cursor must come once and in order, unless a gap was reported.
   */
  wrong() {
    const { messages } = this.world;
    let at = this.begin;
    let n = messages.findIndex((m) => compare(m, at) > 0);
    n = n < 0 ? messages.length : n; // the next that must come
    for (const e of this.log.filter((x) => ["message", "gap", "reset"].includes(x.type))) {
      const next = { generation: this.#generation(e.id), sequence: e.sequence };
      const label = `${e.type} ${e.id} after ${at.sequence}-${this.world.tags[at.generation]}`;
      if (compare(next, at) <= 0 && e.type === "message") {
        return `not in order: ${label}`;
      }
      const due = n;
      while (n < messages.length && compare(messages[n], next) <= 0) {
        n++;
      }
      if (e.type === "message" && n !== due + 1) {
        return `missed ${n - due - 1}: ${label}`;
      }
      if (e.type !== "message" && e.first !== next.sequence + 1n) {
        return `wrong gap: ${label}`;
      }
      if ((e.type === "reset") !== (next.generation !== at.generation)) {
        return `wrong stream: ${label}`;
      }
      at = next;
    }
    const rest = messages.length - n;
    return rest > 0 ? `missed ${rest} at the end` : null;
  }
}

function compare(a, b) {
  if (a.generation !== b.generation) {
    return a.generation - b.generation;
  }
  return a.sequence < b.sequence ? -1 : a.sequence > b.sequence ? 1 : 0;
}
