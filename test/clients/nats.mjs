// A real nats-server with JetStream, and as much of a NATS client as the tests
// need: to make a stream and to publish to it.

import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";

import { Child, makeFolder, removeFolder } from "./child.mjs";
import { PATIENCE_MS, until } from "./waiting.mjs";

// "MSG SUBJECT SUBSCRIPTION [REPLY] SIZE", with one blank or more between.
const MSG = /^MSG +\S+ +(\S+) +(?:(\S+) +)?(\d+)\r\n/;

/** `list`: names and values, as they are. */
function headersOf(list) {
  const lines = list.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.from(list.length === 0 ? "" : `NATS/1.0\r\n${lines}\r\n`);
}

/** One connection; every request has an inbox of its own. */
class NatsLink {
  constructor(port) {
    this.socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.input = Buffer.alloc(0);
    this.waiting = new Map(); // subscription -> what takes the answer
    this.services = new Map(); // subscription -> what makes its replies
    this.last = 0;
    this.error = null;
    this.socket.on("data", (data) => this.#take(data));
    this.socket.on("error", (e) => this.#end(e));
    this.socket.on("close", () => this.#end(new Error("NATS is away")));
    this.socket.write(
      'CONNECT {"verbose":false,"pedantic":false,"headers":true}\r\n',
    );
  }

  #end(error) {
    this.error ??= error;
    for (const { reject } of this.waiting.values()) {
      reject(this.error);
    }
    this.waiting.clear();
  }

  #take(data) {
    this.input = Buffer.concat([this.input, data]);
    for (;;) {
      const end = this.input.indexOf("\r\n");
      if (end < 0) {
        return;
      }
      const line = this.input.toString("latin1", 0, end + 2);
      const message = MSG.exec(line);
      const size = message === null ? 0 : Number(message[3]) + 2;
      if (this.input.length < line.length + size) {
        return;
      }
      const body = this.input.subarray(line.length, line.length + size - 2);
      this.input = this.input.subarray(line.length + size);
      if (this.services.has(message?.[1])) {
        this.#reply(message[2], this.services.get(message[1])(body.toString()));
      } else if (message !== null) {
        this.waiting.get(message[1])?.resolve(body.toString());
        this.waiting.delete(message[1]);
      } else if (line.startsWith("PING")) {
        this.socket.write("PONG\r\n");
      } else if (line.startsWith("-ERR")) {
        this.#end(new Error(`NATS: ${line}`));
      }
    }
  }

  /** The answer, parsed as JSON; an API error is thrown. */
  async request(subject, body, headers = []) {
    if (this.error !== null) {
      throw this.error;
    }
    const sid = String(++this.last);
    const bytes = Buffer.from(body);
    const block = headersOf(headers);
    const sizes = block.length === 0 ? "" : `${block.length} `;
    const answer = new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${subject}: no answer`)),
        PATIENCE_MS,
      );
      const done = (how) => (what) => {
        clearTimeout(timer);
        how(what);
      };
      this.waiting.set(sid, { resolve: done(resolve), reject: done(reject) });
    });
    this.socket.write(
      Buffer.concat([
        Buffer.from(
          `SUB _in.${sid} ${sid}\r\nUNSUB ${sid} 1\r\n` +
            `${sizes && "H"}PUB ${subject} _in.${sid} ` +
            `${sizes}${block.length + bytes.length}\r\n`,
        ),
        block,
        bytes,
        Buffer.from("\r\n"),
      ]),
    );
    const reply = JSON.parse(await answer);
    if (reply.error !== undefined) {
      throw new Error(`${subject}: ${JSON.stringify(reply.error)}`);
    }
    return reply;
  }

  #reply(to, texts) {
    for (const text of texts) {
      this.socket.write(`PUB ${to} ${Buffer.byteLength(text)}\r\n${text}\r\n`);
    }
  }

  /** Answers requests to a subject: `texts` gives the replies to a payload. */
  serve(subject, texts) {
    const sid = String(++this.last);
    this.services.set(sid, texts);
    this.socket.write(`SUB ${subject} ${sid}\r\n`);
  }

  close() {
    this.socket.destroy();
  }
}

export class NatsServer {
  constructor() {
    this.folder = makeFolder("nats");
    this.port = -1; // any; the same one after a restart
    this.child = null;
    this.link = null;
  }

  get url() {
    return `nats://127.0.0.1:${this.port}`;
  }

  async start() {
    const conf = join(this.folder, "nats.conf");
    writeFileSync(
      conf,
      `listen: "127.0.0.1:${this.port}"\n` +
        `jetstream { store_dir: "${this.folder}/store" }\n`,
    );
    const spawn = () => {
      this.child = new Child("nats-server", [
        "nats-server",
        "-c",
        conf,
        "--ports_file_dir",
        this.folder,
      ]);
    };
    spawn();
    await until(
      () => `nats-server: ${this.child.describe()}`,
      async () => {
        // A port that it had may be taken for a moment.
        if (this.child.ended) {
          spawn();
        }
        return this.#listens() && (await this.#answers());
      },
    );
  }

  #listens() {
    try {
      const name = `nats-server_${this.child.pid}.ports`;
      const ports = readFileSync(join(this.folder, name), "utf8");
      this.port = Number(new URL(JSON.parse(ports).nats[0]).port);
      return true;
    } catch {
      return false; // not yet there, or not yet whole
    }
  }

  async #answers() {
    this.link?.close();
    this.link = new NatsLink(this.port);
    try {
      await this.link.request("$JS.API.INFO", "");
      return true;
    } catch {
      return false; // not yet there
    }
  }

  /** Ends it; start() brings it back, with its store and its port. */
  async stop(signal = "SIGTERM") {
    this.link?.close();
    this.link = null;
    await this.child?.stop(signal);
  }

  async restart() {
    await this.stop();
    await this.start();
  }

  async finish() {
    await this.stop("SIGKILL");
    removeFolder(this.folder);
  }

  /** `config`: fields of the stream besides or in place of these. */
  makeStream(name = "Events", config = {}) {
    return this.link.request(
      `$JS.API.STREAM.CREATE.${name}`,
      JSON.stringify({ name, subjects: ["events.*"], ...config }),
    );
  }

  /** The stream takes these subjects from now on. */
  setSubjects(subjects, name = "Events") {
    return this.link.request(
      `$JS.API.STREAM.UPDATE.${name}`,
      JSON.stringify({ name, subjects }),
    );
  }

  purge(name = "Events") {
    return this.link.request(`$JS.API.STREAM.PURGE.${name}`, "");
  }

  /** A service on a subject: `texts` gives the replies to a payload. */
  answer(subject, texts) {
    this.link.serve(subject, texts);
  }

  /** Stored when it returns; gives its sequence. */
  async publish(subject, data, headers = []) {
    return (await this.link.request(subject, data, headers)).seq;
  }
}
