// What a client must have got, whichever it is: see Follower.

import assert from "node:assert/strict";

import { until } from "./waiting.mjs";

export const PING = '{"system": "ping"}';

/**
 * A client that follows a subscription, for a test. `look()` returns (a promise of) its
 * observations: { events: [{ id, data, type }], pings, opens, errors, ... }.
 */
export class Follower {
  constructor(name, look) {
    this.name = name;
    this.look = look;
  }

  async until(what, check) {
    let seen;
    try {
      return await until("", async () => {
        seen = await this.look();
        return (await check(seen)) && seen;
      });
    } catch (e) {
      throw new Error(
        `${this.name}: ${what}; it has seen ${JSON.stringify(seen)}`,
        { cause: e },
      );
    }
  }

  /** Exactly these, in this order, each with the id of a later message. */
  async expect(sent) {
    const { events } = await this.until(
      `${sent.length} events`,
      ({ events }) => events.length >= sent.length,
    );
    assert.deepEqual(
      events.map((e) => e.data),
      sent,
    );
    const numbers = events.map((e) => /^(\d+)-[0-9a-f]{6}$/.exec(e.id)?.[1]);
    for (const [i, n] of numbers.entries()) {
      assert.ok(n > 0 && (i === 0 || n - numbers[i - 1] > 0), `id ${n}`);
    }
    return events;
  }

  opened(times) {
    return this.until(`opened ${times} times`, ({ opens }) => opens >= times);
  }
}
