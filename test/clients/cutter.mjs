// A TCP proxy before the gateway whose connections can be cut, also in the midst
// of an event.

import { connect, createServer } from "node:net";

export class Cutter {
  constructor(port) {
    this.target = port;
    this.pairs = new Set();
    this.plan = null; // { text, bytes, done }: where the next cut is to be
    this.accepted = 0;
    this.cuts = 0;
    this.server = createServer((client) => this.#serve(client));
  }

  async start() {
    await new Promise((resolve) =>
      this.server.listen(0, "127.0.0.1", resolve),
    );
    this.port = this.server.address().port;
    this.origin = `http://127.0.0.1:${this.port}`;
  }

  #serve(client) {
    const gateway = connect(this.target, "127.0.0.1");
    const pair = { client, gateway };
    this.accepted++;
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
    client.on("data", (data) => gateway.write(data));
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

  /**
   * Of the next event in which `text` is, the client gets all up to the first
   * `bytes` bytes of the text, and then the end of the connection. Resolves when
   * it is done. The text must come in one piece: let it be short.
   */
  cutInside(text, bytes = 1) {
    return new Promise((resolve) => {
      this.plan = { text, bytes, done: resolve };
    });
  }

  /** Resets every connection. */
  cutAll() {
    this.cuts += this.pairs.size;
    for (const pair of this.pairs) {
      pair.client.resetAndDestroy();
      this.#end(pair);
    }
  }

  async finish() {
    this.cutAll();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
