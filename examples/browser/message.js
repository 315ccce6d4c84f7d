// @ts-check
// Messages, as the gateway writes them into events with `format=json`.

const bytesOf = (/** @type {string} */ base64) =>
  Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

/**
 * Header names to their values, in their order. Bytes where a value is not text.
 * @param {{headers?: Record<string, string[]>, headers_base64?: Record<string, string[]>}} said
 */
function headersOf({ headers = {}, headers_base64: coded = {} }) {
  /** @type {Map<string, (string | Uint8Array)[]>} */
  const all = new Map(Object.entries(headers));
  for (const [name, values] of Object.entries(coded)) {
    all.set(name, values.map(bytesOf));
  }
  return all;
}

/**
 * The fields of a message, from its event. A gateway without `format=json` sends the
 * payload alone.
 * @param {string} name the event's @param {string} data @param {string | null} id
 */
export function messageOf(name, data, id) {
  try {
    const said = JSON.parse(data);
    if (said?.id === id && typeof said.data === "string") {
      return {
        name,
        data: said.encoding === "base64" ? bytesOf(said.data) : said.data,
        subject: said.subject,
        time: said.time,
        headers: headersOf(said),
      };
    }
  } catch {
    // not JSON
  }
  return {
    name,
    data: name === "base64" ? bytesOf(data) : data,
    subject: "",
    time: "",
    headers: new Map(),
  };
}
