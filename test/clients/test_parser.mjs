// The parser of examples/browser against the standard, whole and cut everywhere.

import assert from "node:assert/strict";

import { Parser } from "../../examples/browser/parser.js";
import { test } from "./tap.mjs";

const encoder = new TextEncoder();

/** What comes of `pieces`: blocks as [type, data, id], and retry times. */
function parsed(pieces) {
  const found = [];
  const parser = new Parser(
    ({ type, data, id }) => found.push([type, data, id]),
    (ms) => found.push(ms),
  );
  for (const piece of pieces) {
    parser.push(piece);
  }
  return found;
}

const CASES = [
  ["an event", "data: a\nid: 1-abcdef\n\n", [["message", "a", "1-abcdef"]]],
  ["its type", "event: gap\ndata: a\n\n", [["gap", "a", ""]]],
  ["a type is for one event", "event: x\ndata: a\n\ndata: b\n\n",
    [["x", "a", ""], ["message", "b", ""]]],
  ["a type without data", "event: x\n\ndata: b\n\n", [["message", "b", ""]]],
  ["lines of all endings", "data: a\rdata: b\r\ndata: c\n\r\n\r",
    [["message", "a\nb\nc", ""]]],
  ["CRLF is one end", "data: a\r\n\r\ndata: b\r\n\r\n",
    [["message", "a", ""], ["message", "b", ""]]],
  ["CR alone", "data: a\r\rdata: b\r\r", [["message", "a", ""], ["message", "b", ""]]],
  ["one blank is dropped", "data:  a\n\ndata:b\n\n",
    [["message", " a", ""], ["message", "b", ""]]],
  ["empty data", "data\n\ndata:\n\n", [["message", "", ""], ["message", "", ""]]],
  ["two empty lines of data", "data\ndata\n\n", [["message", "\n", ""]]],
  ["a comment", ": ping\n:\ndata: a\n\n", [["message", "a", ""]]],
  ["an id alone", "id: 7\n\n", [["message", null, "7"]]],
  ["an id holds on", "id: 7\ndata: a\n\ndata: b\n\n",
    [["message", "a", "7"], ["message", "b", "7"]]],
  ["an empty id", "id: 7\ndata: a\n\nid\ndata: b\n\n",
    [["message", "a", "7"], ["message", "b", ""]]],
  ["an id with NUL is none", "id: 7\ndata: a\n\nid: 8\0\ndata: b\n\n",
    [["message", "a", "7"], ["message", "b", "7"]]],
  ["retry", "retry: 20\n\nretry:007\n", [20, 7]],
  ["no retry", "retry: 2s\nretry: -1\nretry:\nretry: 1.5\nretry:  3\n\n", []],
  ["a byte order mark", "\uFEFFdata: a\n\n", [["message", "a", ""]]],
  ["a second one", "\uFEFF\uFEFFdata: a\n\n", []],
  ["one within", "data: \uFEFFa\n\n", [["message", "\uFEFFa", ""]]],
  ["names are exact", "Data: a\n data: b\ndata : c\nDATA: d\n\n", []],
  ["a colon in the value", "data: a: b\n\n", [["message", "a: b", ""]]],
  ["all of Unicode", "data: \u00e4\u20ac\u{1F600}\u2028\u0085\n\n",
    [["message", "\u00e4\u20ac\u{1F600}\u2028\u0085", ""]]],
  ["what is cut is dropped", "data: a\n\ndata: b\nid: 9", [["message", "a", ""]]],
];

test("the standard's examples", async () => {
  for (const [name, text, expected] of CASES) {
    assert.deepEqual(parsed([encoder.encode(text)]), expected, name);
  }
});

test("cut in two at every byte, and into single bytes", async () => {
  for (const [name, text, expected] of CASES) {
    const bytes = encoder.encode(text);
    for (let i = 0; i <= bytes.length; i++) {
      const pieces = [bytes.subarray(0, i), bytes.subarray(i)];
      assert.deepEqual(parsed(pieces), expected, `${name}, cut at ${i}`);
    }
    const single = Array.from(bytes, (b) => Uint8Array.of(b));
    assert.deepEqual(parsed(single), expected, `${name}, byte by byte`);
  }
});

test("bytes that are no UTF-8 are replaced, and end no line", async () => {
  const bytes = Uint8Array.of(...encoder.encode("data: a"), 0xff, 0xc3, 10, 10);
  assert.deepEqual(parsed([bytes]), [["message", "a\uFFFD\uFFFD", ""]]);
});
