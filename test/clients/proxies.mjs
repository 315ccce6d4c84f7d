// nginx and HAProxy with the files of examples/proxies, but for addresses, the
// password and, on demand, TLS.

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";

import { Child, makeFolder, removeFolder } from "./child.mjs";

const examples = new URL("../../examples/proxies/", import.meta.url);

// [what stands there, what stands there now]; @ is the folder.
const NGINX = [
  [
    "\nevents {",
    "\ndaemon off;\nmaster_process off;\npid @/pid;\n" +
      "error_log @/error info;\nevents {",
  ],
  [
    "http {",
    "http {\naccess_log @/log;\n" +
      ["client_body", "proxy", "fastcgi", "scgi", "uwsgi"]
        .map((name) => `${name}_temp_path @/${name};\n`)
        .join(""),
  ],
  ["/etc/nginx/sluice-users", "@/users"],
];
const NGINX_TLS =
  "listen unix:@/web ssl http2;\n" +
  "ssl_certificate @/site.pem;\nssl_certificate_key @/site.pem;";

const KINDS = {
  nginx: {
    file: "nginx.conf",
    argv: ["nginx", "-c", "@/config", "-e", "@/error"],
    changes: (tls) => [
      ...NGINX,
      ["listen 80;", tls ? NGINX_TLS : "listen unix:@/web;"],
    ],
  },
  haproxy: {
    file: "haproxy.cfg",
    argv: ["haproxy", "-db", "-f", "@/config"],
    changes: (tls) => [
      [
        "bind :80",
        "bind unix@@/web" + (tls ? " ssl crt @/site.pem alpn h2,http/1.1" : ""),
      ],
      ['"${ALICE_PASSWORD}"', "secret"],
    ],
  },
};

/** A self-signed certificate, and its key. */
function makeCertificate(folder) {
  const [key, certificate] = ["key", "certificate"].map((n) => join(folder, n));
  execFileSync(
    "openssl",
    [
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256".split(" "),
      ...`-nodes -days 2 -subj /CN=localhost -keyout ${key}`.split(" "),
      ...`-addext subjectAltName=IP:127.0.0.1 -out ${certificate}`.split(" "),
    ],
    { stdio: "pipe" },
  );
  const parts = [certificate, key].map((path) => readFileSync(path));
  writeFileSync(join(folder, "site.pem"), Buffer.concat(parts), {
    mode: 0o600,
  });
}

function accepts(path) {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on("error", () => resolve(false));
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}

export class Proxy {
  /** `gateways`: one address or two. */
  constructor(name, gateways, tls) {
    this.name = name;
    this.gateways = gateways;
    this.tls = tls;
    this.folder = makeFolder(name);
    this.socket = join(this.folder, "web");
    this.child = null;
  }

  #config({ file, changes }) {
    const [one, two = one] = this.gateways;
    let text = readFileSync(new URL(file, examples), "utf8");
    for (const [from, to] of [
      ...changes(this.tls),
      ["127.0.0.1:8080", one],
      ["127.0.0.1:8090", two],
    ]) {
      if (!text.includes(from)) {
        throw new Error(`${file} has no ${JSON.stringify(from)}`);
      }
      text = text.replaceAll(from, to.replaceAll("@/", `${this.folder}/`));
    }
    return text;
  }

  async start() {
    const kind = KINDS[this.name];
    writeFileSync(join(this.folder, "config"), this.#config(kind));
    writeFileSync(join(this.folder, "users"), "alice:{PLAIN}secret\n");
    if (this.tls) {
      makeCertificate(this.folder);
    }
    this.child = new Child(
      this.name,
      kind.argv.map((word) => word.replace("@/", `${this.folder}/`)),
    );
    await this.child.until("it listens", () => accepts(this.socket));
  }

  async finish() {
    await this.child?.stop("SIGKILL");
    removeFolder(this.folder);
  }
}
