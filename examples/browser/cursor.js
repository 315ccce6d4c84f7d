// @ts-check
// Cursors: event ids of the gateway, such as "4711-9f31c2".

/**
 * Parses an event id; null if it is none. The sequence may be above 2^53.
 * @param {string | null} id
 */
export function parse(id) {
  const found = /^(\d{1,20})(?:-([0-9a-f]{6}))?$/.exec(id ?? "");
  return found && { sequence: BigInt(found[1]), tag: found[2] ?? "" };
}

/**
 * Does a cursor at `here` cover everything up to `there`? False across two streams.
 * @param {string | null} here @param {string | null} there
 */
export function covers(here, there) {
  const [a, b] = [parse(here), parse(there)];
  return a !== null && b !== null && a.tag === b.tag && a.sequence >= b.sequence;
}
