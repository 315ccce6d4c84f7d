// The EventSource of a browser, on a page.

import { Follower, PING } from "./follow.mjs";

// In the page: window.sources is what they have seen.
function openSource(url, init, ping) {
  const seen = {
    events: [],
    gaps: [],
    systems: [],
    pings: [],
    errors: [],
    opens: 0,
  };
  const source = new EventSource(url, init);
  const take = (e) => ({ id: e.lastEventId, data: e.data, type: e.type });
  source.onopen = () => seen.opens++;
  source.onerror = () => seen.errors.push(source.readyState);
  source.onmessage = (e) =>
    (e.data === ping ? seen.pings : seen.events).push(take(e));
  source.addEventListener("base64", (e) => seen.events.push(take(e)));
  source.addEventListener("gap", (e) => seen.gaps.push(take(e)));
  source.addEventListener("system", (e) => seen.systems.push(take(e)));
  window.sources ??= [];
  return window.sources.push({ source, seen }) - 1;
}

/** A Follower that can be closed. `init` as for an EventSource. */
export async function followOn(page, url, init = {}) {
  const index = await page.evaluate(openSource, url, init, PING);
  const f = new Follower(`EventSource ${index}`, () =>
    page.evaluate((i) => window.sources[i].seen, index),
  );
  f.state = () =>
    page.evaluate((i) => window.sources[i].source.readyState, index);
  f.close = () => page.evaluate((i) => window.sources[i].source.close(), index);
  return f;
}
