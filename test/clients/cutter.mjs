// A TCP proxy before the gateway whose connections can be cut, also in the midst
// of an event.

import { connect, createServer } from "node:net";

export class Cutter {
  /** `target`: a port of the loopback, or the path of a Unix socket. */
  constructor(target) {
    this.target =
      typeof target === "string"
        ? { path: target }
        : { port: target, host: "127.0.0.1" };
    this.pairs = new Set();
    this.plan = null; // { text, bytes, done }: where the next cut is to be
    this.requests = []; // what clients have sent, each in one piece
    this.passed = ""; // what the gateway has sent, to all of them
    this.cuts = 0;
    this.held = null; // clients that wait during hold()
    this.server = createServer((client) => {
      if (this.held !== null) {
        this.held.push(client);
      } else {
        this.#serve(client);
      }
    });
  }

  async start() {
    await new Promise((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    this.port = this.server.address().port;
    this.origin = `http://127.0.0.1:${this.port}`;
  }

  #serve(client) {
    const gateway = connect(this.target);
    const pair = { client, gateway };
    this.pairs.add(pair);
    client.setNoDelay(true);
    for (const [from, to] of [
      [client, gateway],
      [gateway, client],
    ]) {
      from.on("error", () => this.#end(pair));
      from.on("close", () => this.#end(pair));
      from.on("end", () => to.end());
    }
    client.on("data", (data) => {
      this.requests.push(data.toString("latin1"));
      gateway.write(data);
    });
    gateway.on("data", (data) => this.#pass(pair, data));
  }

  #end(pair) {
    if (this.pairs.delete(pair)) {
      pair.client.destroy();
      pair.gateway.destroy();
    }
  }

  /** What the gateway has sent; up to the cut, if it is in there. */
  #pass(pair, data) {
    this.passed += data.toString("latin1");
    const at = this.plan === null ? -1 : data.indexOf(this.plan.text);
    if (at < 0) {
      pair.client.write(data);
      return;
    }
    const { bytes, done } = this.plan;
    this.plan = null;
    // A reset could overtake what is sent before it; an end cannot.
    pair.gateway.pause();
    pair.client.end(data.subarray(0, at + bytes), () => {
      this.cuts++;
      this.#end(pair);
      done();
    });
  }

  /** What the gateway has sent until now. */
  sent() {
    return this.passed;
  }

  /** With which Last-Event-ID they came, null for none. */
  cursors() {
    return this.requests
      .filter((r) => r.includes("/api/v1/events"))
      .map((r) => /^last-event-id: *(.*?)\r$/im.exec(r)?.[1] ?? null);
  }

  /** The last one's, in the header or in the URL. */
  lastCursor() {
    const request = this.requests
      .filter((r) => r.includes("/api/v1/events"))
      .at(-1);
    return (
      this.cursors().at(-1) ??
      /[?&]lastEventId=([^& ]*)/.exec(request)?.[1] ??
      null
    );
  }

  /**
   * When the gateway next sends `text`, the client gets all before it and its
   * first `bytes` bytes (or of what follows it; or, below 0, less than what is
   * before it), and then the end of the connection. Resolves when that is done.
   * The text must come in one piece: let it be short.
   */
  cutInside(text, bytes = 1) {
    return new Promise((resolve) => {
      this.plan = { text, bytes, done: resolve };
    });
  }

  /** Makes clients wait until release(). */
  hold() {
    this.held = [];
  }

  release() {
    const waiting = this.held;
    this.held = null;
    waiting.forEach((client) => this.#serve(client));
  }

  /** Ends every connection, after all that was sent. */
  cutAll() {
    this.cuts += this.pairs.size;
    for (const pair of this.pairs) {
      pair.gateway.pause();
      pair.client.end(() => this.#end(pair));
    }
  }

  async finish() {
    this.held?.forEach((client) => client.destroy());
    for (const pair of this.pairs) {
      this.#end(pair);
    }
    await new Promise((resolve) => this.server.close(resolve));
  }
}
