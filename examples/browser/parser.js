// @ts-check

/**
 * A block of an event stream that has data or an id. Without data, `data` is null.
 * @typedef {{type: string, data: string | null, id: string}} Block
 */

/**
 * The event stream format of the WHATWG HTML standard, 9.2.6. One parser for each
 * connection: it skips a byte order mark at the start, and drops a cut block.
 */
export class Parser {
  #decoder = new TextDecoder();
  #line = "";
  #afterCR = false;
  #type = "";
  /** @type {string[]} */
  #data = [];
  #hasId = false;
  #id = "";

  /**
   * @param {(block: Block) => void} onBlock
   * @param {(ms: number) => void} onRetry
   */
  constructor(onBlock, onRetry) {
    this.onBlock = onBlock;
    this.onRetry = onRetry;
  }

  /** @param {Uint8Array} bytes the next bytes, cut anywhere */
  push(bytes) {
    let text = this.#decoder.decode(bytes, { stream: true });
    if (text === "") {
      return;
    }
    if (this.#afterCR && text[0] === "\n") {
      text = text.slice(1);
    }
    this.#afterCR = text.endsWith("\r");
    const lines = text.split(/\r\n|\n|\r/);
    lines[0] = this.#line + lines[0];
    this.#line = /** @type {string} */ (lines.pop());
    for (const line of lines) {
      this.#take(line);
    }
  }

  /** @param {string} line */
  #take(line) {
    if (line === "") {
      this.#end();
      return;
    }
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? "" : line.slice(colon + 1);
    value = value[0] === " " ? value.slice(1) : value;
    if (name === "data") {
      this.#data.push(value);
    } else if (name === "event") {
      this.#type = value;
    } else if (name === "id" && !value.includes("\0")) {
      this.#id = value;
      this.#hasId = true;
    } else if (name === "retry" && /^[0-9]+$/.test(value)) {
      this.onRetry(Number(value));
    }
  }

  #end() {
    const data = this.#data.length === 0 ? null : this.#data.join("\n");
    const block = { type: this.#type || "message", data, id: this.#id };
    const any = data !== null || this.#hasId;
    [this.#type, this.#data, this.#hasId] = ["", [], false];
    if (any) {
      this.onBlock(block);
    }
  }
}
