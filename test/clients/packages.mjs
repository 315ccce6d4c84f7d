// The packages of package.json, from the build folder into which install.sh has
// put them ($SLUICE_CLIENTS): nothing is installed in the source tree.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const folder = process.env.SLUICE_CLIENTS;
if (!folder) {
  throw new Error("SLUICE_CLIENTS names no folder: test/clients/install.sh");
}
const require = createRequire(join(folder, "package.json"));

export function resolve(name) {
  try {
    return require.resolve(name);
  } catch (e) {
    throw new Error(`no ${name} in ${folder}: test/clients/install.sh`, {
      cause: e,
    });
  }
}

/** A package, as Node takes it. */
export function load(name) {
  return require(resolve(name));
}

/** The text of one of its files. */
export function read(name, file) {
  return readFileSync(join(folder, "node_modules", name, file), "utf8");
}

export function version(name) {
  return JSON.parse(read(name, "package.json")).version;
}
