// Conditions with a deadline, in place of times to sleep.

export const PATIENCE_MS = 20_000;
const POLL_MS = 10;

export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Until check() gives (a promise of) something true, and returns that.
 * `what` says what was waited for: a text, or a function that makes one.
 */
export async function until(what, check, ms = PATIENCE_MS) {
  const deadline = Date.now() + ms;
  for (;;) {
    const found = await check();
    if (found) {
      return found;
    }
    if (Date.now() > deadline) {
      const text = typeof what === "function" ? what() : what;
      throw new Error(`not within ${ms} ms: ${text}`);
    }
    await pause(POLL_MS);
  }
}
