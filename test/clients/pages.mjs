// Pages for the browsers, on an origin of their own, and answers that a gateway
// gives on a bad day.

import { createServer } from "node:http";

const EMPTY = "<!doctype html><meta charset=utf-8><title>test</title>";

export class Pages {
  /**
   * `routes`: path -> (request, response) => ..., or { type, body }. Every other
   * path is an empty page.
   */
  constructor(routes = {}) {
    this.routes = routes;
    this.requests = []; // { path, query, headers } of all that came
    this.server = createServer((request, response) => {
      const url = new URL(request.url, "http://pages");
      this.requests.push({
        path: url.pathname,
        query: url.searchParams,
        headers: request.headers,
      });
      this.#answer(this.routes[url.pathname], request, response);
    });
  }

  #answer(route, request, response) {
    if (typeof route === "function") {
      route(request, response);
      return;
    }
    response.writeHead(200, { "Content-Type": route?.type ?? "text/html" });
    response.end(route?.body ?? EMPTY);
  }

  async start() {
    await new Promise((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    this.port = this.server.address().port;
    this.origin = `http://127.0.0.1:${this.port}`;
  }

  /** How often a path was asked for. */
  count(path) {
    return this.requests.filter((r) => r.path === path).length;
  }

  async finish() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
