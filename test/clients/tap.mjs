// Test cases one after the other, as TAP for meson and test/totals.py:
//
//   test("what holds", async () => { ... });
//
// A case that throws has failed, and so has one that is not done in time. What
// it was doing is on standard error. defer() is for what must be ended with the
// case, or, called before the first one, with the program; in reverse order. The
// module awaits nothing between its cases.

const CASE_MS = 60_000;

const cases = [];
const endings = { program: [], case: null };
let begun = false;
let failed = 0;

export function test(name, fn, { ms = CASE_MS } = {}) {
  cases.push({ name, fn, ms });
  if (!begun) {
    begun = true;
    // When the module has been read to its end, and so all cases are known.
    setImmediate(run);
  }
}

/** A case that can't run here, and why: seen in the totals. */
export function skip(name, why) {
  test(name, null);
  cases.at(-1).why = why;
}

export function note(...words) {
  console.error("#", ...words);
}

export function defer(fn) {
  (endings.case ?? endings.program).push(fn);
}

/** Runs what defer() registered, for the case or for the program. */
async function end(list) {
  let error = null;
  for (const fn of list.reverse()) {
    try {
      await fn();
    } catch (e) {
      // The others must be ended all the same.
      error ??= e;
    }
  }
  if (error !== null) {
    throw error;
  }
}

function inTime(promise, ms, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${what}: not done in ${ms} ms`)),
      ms,
    );
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function runCase({ fn, ms, name }) {
  let error = null;
  endings.case = [];
  const start = Date.now();
  await inTime(fn(), ms, name).catch((e) => (error = e));
  await inTime(end(endings.case), ms, `the end of ${name}`).catch(
    (e) => (error ??= e),
  );
  endings.case = null;
  note(`${name}: ${Date.now() - start} ms`);
  return error;
}

function say(number, name, error) {
  if (error === null) {
    console.log(`ok ${number} - ${name}`);
    return;
  }
  failed++;
  console.log(`not ok ${number} - ${name}`);
  console.error(error);
}

async function run() {
  let number = 0;
  for (const c of cases) {
    number++;
    if (c.why === undefined) {
      say(number, c.name, await runCase(c));
    } else {
      console.log(`ok ${number} - ${c.name} # skip ${c.why}`);
    }
  }
  const error = await end(endings.program).then(
    () => null,
    (e) => e,
  );
  if (error !== null) {
    say(++number, "the end", error);
  }
  console.log(`1..${number}`);
  process.exit(failed === 0 ? 0 : 1);
}

// Otherwise the program would end without a line of TAP.
process.on("unhandledRejection", (e) => {
  console.error(e);
  console.log("Bail out! an error that nobody waited for");
  process.exit(1);
});
