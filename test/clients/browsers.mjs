// Debian's browsers, driven by puppeteer-core: Chromium by its own protocol,
// Firefox by WebDriver BiDi.

import { accessSync, constants } from "node:fs";

import { load } from "./packages.mjs";

const PROGRAMS = {
  chromium: process.env.SLUICE_CHROMIUM ?? "/usr/bin/chromium",
  firefox: process.env.SLUICE_FIREFOX ?? "/usr/bin/firefox-esr",
};

export const BROWSERS = Object.keys(PROGRAMS);

const OPTIONS = {
  chromium: {
    browser: "chrome",
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
  },
  // Neither has to go anywhere but to the tests' own servers.
  firefox: {
    browser: "firefox",
    extraPrefsFirefox: {
      "network.captive-portal-service.enabled": false,
      "network.connectivity-service.enabled": false,
    },
  },
};

/**
 * "chromium" or "firefox", without a window. `acceptInsecureCerts` for a
 * certificate of the test's own. Close it with close().
 */
export async function launch(name, options = {}) {
  const program = PROGRAMS[name];
  try {
    accessSync(program, constants.X_OK);
  } catch (e) {
    throw new Error(`no ${program}: tools/packages.sh clients`, { cause: e });
  }
  return load("puppeteer-core").launch({
    ...OPTIONS[name],
    executablePath: program,
    headless: true,
    ...options,
  });
}
