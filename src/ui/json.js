/* JSON on several lines, as [class, text] pieces. The layout works on the text and
 * not on the result of JSON.parse(), so that large numbers keep their digits, and
 * duplicate members stay visible. */

const PRETTY_MAX = 1024 * 1024; /* characters */
const JSON_TOKEN =
	/"[^"\\]*(?:\\.[^"\\]*)*"|-?[0-9][0-9.eE+-]*|true|false|null|[{}[\],:]/g;

/* null if it is not JSON, a bare value without layout, or too large. */
function prettyJson(text) {
	if (text.length > PRETTY_MAX || !/^\s*[[{]/.test(text))
		return null;
	try {
		JSON.parse(text);
	} catch {
		return null;
	}
	return layOut(text.match(JSON_TOKEN));
}

function layOut(tokens) {
	const pieces = [];
	let depth = 0;
	const newLine = () => pieces.push(["", "\n" + "  ".repeat(depth)]);

	tokens.forEach((token, i) => {
		const next = tokens[i + 1];
		if (token === "{" || token === "[") {
			pieces.push(["", token]);
			depth++;
			if (next !== "}" && next !== "]")
				newLine();
		} else if (token === "}" || token === "]") {
			depth--;
			if (tokens[i - 1] !== "{" && tokens[i - 1] !== "[")
				newLine();
			pieces.push(["", token]);
		} else if (token === ",") {
			pieces.push(["", ","]);
			newLine();
		} else if (token === ":") {
			pieces.push(["", ": "]);
		} else {
			pieces.push([kindOf(token, next), token]);
		}
	});
	return pieces;
}

function kindOf(token, next) {
	if (token[0] === '"')
		return next === ":" ? "key" : "string";
	return /^[-0-9]/.test(token) ? "number" : "word";
}

/* Hex dump of base64 data, 16 bytes a line. */
const DUMP_BYTES = 4096;

function hexDump(base64) {
	const bytes = atob(base64.slice(0, Math.ceil(DUMP_BYTES / 3) * 4));
	const lines = [];
	for (let at = 0; at < Math.min(bytes.length, DUMP_BYTES); at += 16) {
		const part = bytes.slice(at, Math.min(at + 16, DUMP_BYTES));
		const hex = Array.from(part, (c) =>
			c.charCodeAt(0).toString(16).padStart(2, "0")).join(" ");
		lines.push(at.toString(16).padStart(6, "0") + "  " +
			hex.padEnd(47) + "  " + part.replace(/[^ -~]/g, "."));
	}
	const size = base64Bytes(base64);
	if (size > DUMP_BYTES)
		lines.push(`… ${size - DUMP_BYTES} more bytes`);
	return lines.join("\n");
}

function base64Bytes(text) {
	const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
	return text.length / 4 * 3 - padding;
}
