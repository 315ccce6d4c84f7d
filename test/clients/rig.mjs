// Everything a test of a client stands on: a nats-server with the stream Events,
// the gateway before it, and what may be between the gateway and the client.
//
//   import { test, Rig, until } from "./rig.mjs";
//
//   test("an event comes", async () => {
//     const rig = await Rig.start("--id-query", "id");
//     ... rig.gateway.origin ...
//     await rig.publish("alice", "hello");
//   });
//
// What is started in a case ends with it: the gateway by a drain, which must
// end with exit status 0 and without a sanitizer's word.

import { BROWSERS, launch } from "./browsers.mjs";
import { Cutter } from "./cutter.mjs";
import { Gateway } from "./gateway.mjs";
import { NatsServer } from "./nats.mjs";
import { Pages } from "./pages.mjs";
import { Proxy } from "./proxies.mjs";
import { defer, note, skip, test } from "./tap.mjs";
import { pause, until } from "./waiting.mjs";

export { BROWSERS, defer, launch, note, pause, skip, test, until };

/** Starts it; it ends with the case. */
async function started(thing) {
  defer(() => thing.finish());
  await thing.start();
  return thing;
}

export class Rig {
  /** `args`: options of the gateway. */
  static async start(...args) {
    const rig = new Rig();
    rig.nats = await started(new NatsServer());
    await rig.nats.makeStream();
    rig.gateway = await started(new Gateway(rig.nats.url, args));
    return rig;
  }

  /** Another gateway of the same stream. */
  async another(...args) {
    return started(new Gateway(this.nats.url, args));
  }

  /** A proxy that can be cut, before the gateway or what is given. */
  cutter(target = this.gateway.port) {
    return started(new Cutter(target));
  }

  /**
   * "nginx" or "haproxy" as in examples/proxies, in front of one gateway or two;
   * `tls` for TLS and HTTP/2. The client is alice, with the password "secret". Its
   * address is that of the returned cutter: its `origin`, its `cutAll()`.
   */
  async proxy(name, { tls = false, gateways = [this.gateway] } = {}) {
    const addresses = gateways.map(({ address }) => address);
    const proxy = await started(new Proxy(name, addresses, tls));
    const cutter = await this.cutter(proxy.socket);
    cutter.origin = `http${tls ? "s" : ""}://127.0.0.1:${cutter.port}`;
    return cutter;
  }

  /** Gives its sequence; it is stored when this returns. */
  publish(id, data) {
    return this.nats.publish(`events.${id}`, data);
  }

  /** `prefix` 1 to `number`: what was published. */
  async publishMany(id, prefix, number) {
    const sent = Array.from({ length: number }, (_, i) => `${prefix} ${i + 1}`);
    for (const data of sent) {
      await this.publish(id, data);
    }
    return sent;
  }
}

/** An origin with pages: see pages.mjs. */
export function servePages(routes) {
  return started(new Pages(routes));
}

/** A browser that ends with the case, or outside of one with the program. */
export async function openBrowser(name, options) {
  const browser = await launch(name, options);
  defer(() => browser.close());
  return browser;
}

/** A new page at `url`; its errors are printed. */
export async function openPage(browser, url) {
  const page = await browser.newPage();
  page.on("pageerror", (e) => note("page error:", e.message));
  page.on("console", (m) => {
    // Of the network: what the tests are about.
    if (!m.text().startsWith("Failed to load resource")) {
      note("page:", m.text());
    }
  });
  defer(() => page.isClosed() || page.close());
  await page.goto(url);
  return page;
}
