// The client libraries of npm, each of which follows alice's events.
//
// `open(url, seen)` begins to follow and returns what ends it; `seen` is what
// newSeen() makes. Where one is not as the standard has it:
//
//   idAlone: false     forgets the id of a block without data, such as a ping's
//                      of --ping-style comment
//   cut                what comes of an event that was cut in a certain place:
//                      "repeats" or "loses", see test_libraries.mjs
//   givesUp            for good, when it can't connect for once
//   slow               does not come back before a second is over

import { PING } from "./follow.mjs";
import { load, read } from "./packages.mjs";

const ALICE = { user_id: "alice" };

export function newSeen() {
  return { events: [], pings: 0, opens: 0, errors: 0, closed: false };
}

function take(seen, id, data, type) {
  if (type === "system") {
    return;
  }
  if (data === PING) {
    seen.pings++;
  } else {
    seen.events.push({ id, data, type });
  }
}

/** Whatever has the interface of an EventSource. */
function listen(source, seen) {
  source.onopen = () => seen.opens++;
  source.onerror = () => seen.errors++;
  Object.defineProperty(seen, "closed", {
    get: () => source.readyState === 2,
  });
  for (const type of ["message", "base64"]) {
    source.addEventListener(type, (e) =>
      take(seen, e.lastEventId, e.data, type),
    );
  }
  return () => source.close();
}

function openOld(url, seen) {
  return listen(new (load("eventsource-2"))(url, { headers: ALICE }), seen);
}

function openByFetch(name) {
  const fetchAsAlice = (input, init) =>
    fetch(input, { ...init, headers: { ...init.headers, ...ALICE } });
  return (url, seen) => {
    const { EventSource } = load(name);
    return listen(new EventSource(url, { fetch: fetchAsAlice }), seen);
  };
}

function openUndici(url, seen) {
  const { Agent, EventSource } = load("undici");
  const dispatcher = new Agent().compose((dispatch) => (request, handler) => {
    const headers = { ...request.headers, ...ALICE };
    return dispatch({ ...request, headers }, handler);
  });
  return listen(new EventSource(url, { dispatcher }), seen);
}

/** What a program does that has no more than a parser. */
function openParser(url, seen) {
  const { createParser } = load("eventsource-parser");
  const controller = new AbortController();
  const headers = { ...ALICE, Accept: "text/event-stream" };
  let retryMs = 3000;
  const once = async () => {
    const answer = await fetch(url, { headers, signal: controller.signal });
    if (answer.status !== 200) {
      seen.closed = true;
      controller.abort();
      return;
    }
    seen.opens++;
    // A new one: the rest of what was cut is not part of what comes.
    const parser = createParser({
      onEvent: (e) => {
        headers["Last-Event-ID"] = e.id;
        take(seen, e.id, e.data, e.event ?? "message");
      },
      onRetry: (ms) => (retryMs = ms),
    });
    const decoder = new TextDecoder();
    for await (const bytes of answer.body) {
      parser.feed(decoder.decode(bytes, { stream: true }));
    }
  };
  const follow = async () => {
    while (!controller.signal.aborted) {
      await once().catch(() => seen.errors++); // cut, or refused
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  };
  follow();
  return () => controller.abort();
}

export const IN_NODE = [
  { name: "eventsource-2", cut: "loses", open: openOld },
  { name: "eventsource-3", idAlone: false, open: openByFetch("eventsource-3") },
  {
    name: "eventsource-4",
    node: 20,
    idAlone: false,
    open: openByFetch("eventsource-4"),
  },
  { name: "undici", givesUp: true, open: openUndici },
  { name: "eventsource-parser", idAlone: false, open: openParser },
];

// ---- in a page ---------------------------------------------------------------
// `script` makes the library known there, `open` runs there: it must name nothing
// of this file.

/** Its modules for Node, in a page. */
function commonJs(name, folder, files) {
  const parts = files.map((file) => {
    const text = read(name, `${folder}/${file}.js`);
    return `"./${file}": (exports, require) => {${text}\n}`;
  });
  return `{
    const parts = {${parts.join(",\n")}};
    const made = {};
    const require = (name) => {
      if (made[name] === undefined) {
        made[name] = {};
        parts[name](made[name], require);
      }
      return made[name];
    };
    Object.assign(window, require("./${files.at(-1)}"));
  }`;
}

function openPolyfill(url, seen, ping) {
  const source = new window.EventSourcePolyfill(url, {
    headers: { user_id: "alice" },
  });
  source.onopen = () => seen.opens++;
  source.onerror = () => {
    seen.errors++;
    seen.closed = source.readyState === 2;
  };
  for (const type of ["message", "base64"]) {
    source.addEventListener(type, (e) =>
      e.data === ping
        ? seen.pings++
        : seen.events.push({ id: e.lastEventId, data: e.data, type }),
    );
  }
  return () => source.close();
}

function openFetchEventSource(url, seen, ping) {
  const controller = new AbortController();
  window
    .fetchEventSource(url, {
      headers: { user_id: "alice" },
      signal: controller.signal,
      openWhenHidden: true,
      onopen: async (answer) => {
        if (answer.status >= 400 && answer.status < 500) {
          // Thrown again by onerror: never tried again.
          throw Object.assign(new Error(answer.status), { fatal: true });
        }
        seen.opens++;
      },
      onmessage: (e) => {
        // It gives out blocks without data as well.
        if ((e.data === "" && e.event === "") || e.event === "system") {
          return;
        }
        if (e.data === ping) {
          seen.pings++;
        } else {
          const type = e.event === "" ? "message" : e.event;
          seen.events.push({ id: e.id, data: e.data, type });
        }
      },
      onclose: () => {
        // Without this, the end of a stream is the end.
        throw new Error("the stream has ended");
      },
      onerror: (e) => {
        seen.errors++;
        if (e.fatal) {
          throw e;
        }
      },
    })
    .catch(() => (seen.closed = true));
  return () => controller.abort();
}

export const IN_PAGES = [
  {
    name: "event-source-polyfill",
    idAlone: false,
    slow: true,
    script: () => read("event-source-polyfill", "src/eventsource.js"),
    open: openPolyfill,
  },
  {
    name: "@microsoft/fetch-event-source",
    cut: "loses",
    emptyIsNothing: true,
    script: () =>
      commonJs("@microsoft/fetch-event-source", "lib/cjs", ["parse", "fetch"]),
    open: openFetchEventSource,
  },
];
