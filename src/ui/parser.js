/* Parsers of both forms of a subscription. They take pieces cut anywhere, and call
 *
 *	on.event({kind, type, id, data, subject, headers, time, binary})
 *	on.cursor(id)	the cursor moves, with or without an event
 *	on.retry(ms)	reconnection time
 *
 * `kind` is "message", "ping", "gap" or "system". The fields behind `data` are those
 * of a message: `headers` is a list of [name, value, binary], `time` is in ms, and what
 * is binary is base64. */

const LINE_MAX = 64 * 1024 * 1024;
const OPEN = '{"system": "open"}';
const PING = '{"system": "ping"}';

const NO_HEADERS = [];

function headersOf({headers, headers_base64: coded}) {
	if (headers === undefined && coded === undefined)
		return NO_HEADERS;
	const list = (members, binary) =>
		Object.entries(members ?? {}).flatMap(([name, values]) =>
			values.map((value) => [name, value, binary]));
	return [...list(headers, false), ...list(coded, true)];
}

/* `said`: a message as JSON. */
function messageOf(said, type, id) {
	return {kind: "message", type, id, data: said.data,
		subject: said.subject, headers: headersOf(said),
		time: Date.parse(said.time) || undefined,
		binary: said.encoding === "base64"};
}

class Lines {
	#rest = "";
	#searched = 0;
	#afterCr = false;

	/* CR, LF and CR LF end a line. The LF of a CR LF may be in the next
	 * piece. */
	push(piece, take) {
		if (this.#afterCr && piece.startsWith("\n"))
			piece = piece.slice(1);
		if (piece === "")
			return;
		this.#afterCr = piece.endsWith("\r");
		const text = this.#rest + piece;
		let at = 0, from = this.#searched;
		let lf = text.indexOf("\n", from), cr = text.indexOf("\r", from);
		while (lf >= 0 || cr >= 0) {
			const end = cr < 0 || (lf >= 0 && lf < cr) ? lf : cr;
			take(text.slice(at, end));
			at = end + 1;
			if (end === cr && lf === at)
				at++;
			if (lf >= 0 && lf < at)
				lf = text.indexOf("\n", at);
			if (cr >= 0 && cr < at)
				cr = text.indexOf("\r", at);
		}
		this.#rest = text.slice(at);
		this.#searched = this.#rest.length;
		if (this.#rest.length > LINE_MAX)
			throw new Error("a line of more than 64 MiB");
	}
}

/* text/event-stream, by the rules of the HTML standard (9.2.6). */
class EventFrames {
	#lines = new Lines();
	#on;
	#id = "";
	#type = "";
	#data = null;
	#comment = false;

	constructor(on) {
		this.#on = on;
	}

	push(piece) {
		this.#lines.push(piece, (line) => this.#take(line));
	}

	#take(line) {
		if (line === "") {
			this.#dispatch();
			return;
		}
		const colon = line.indexOf(":");
		if (colon === 0) {
			this.#comment = true;
			return;
		}
		const name = colon < 0 ? line : line.slice(0, colon);
		let value = colon < 0 ? "" : line.slice(colon + 1);
		if (value.startsWith(" "))
			value = value.slice(1);
		this.#field(name, value);
	}

	#field(name, value) {
		switch (name) {
		case "data":
			this.#data = this.#data === null
				? value : this.#data + "\n" + value;
			break;
		case "id":
			if (!value.includes("\0"))
				this.#id = value;
			break;
		case "event":
			this.#type = value;
			break;
		case "retry":
			if (/^[0-9]+$/.test(value))
				this.#on.retry(Number(value));
			break;
		}
	}

	#dispatch() {
		const type = this.#type || "message", data = this.#data;
		const comment = this.#comment;
		this.#type = "";
		this.#data = null;
		this.#comment = false;
		if (this.#id !== "")
			this.#on.cursor(this.#id);
		if (type === "system" && data === OPEN)
			return;
		if (data !== null)
			this.#on.event(EventFrames.#event(type, this.#id, data));
		else if (comment)
			this.#on.event({kind: "ping", type, id: this.#id,
				data: ""});
	}

	static #event(type, id, data) {
		const kind = EventFrames.#kind(type, data);
		return kind === "message" ? EventFrames.#message(type, id, data)
			: {kind, type, id, data};
	}

	/* A gateway without `format=json` sends the payload alone. */
	static #message(type, id, data) {
		try {
			const said = JSON.parse(data);
			if (said?.id === id && typeof said.data === "string")
				return messageOf(said, type, id);
		} catch {
			/* not JSON */
		}
		return {kind: "message", type, id, data, subject: "",
			headers: NO_HEADERS, binary: type === "base64"};
	}

	static #kind(type, data) {
		if (data === PING && (type === "message" || type === "system"))
			return "ping";
		return type === "gap" || type === "system" ? type : "message";
	}
}

/* application/x-ndjson. */
class LineFrames {
	#lines = new Lines();
	#on;

	constructor(on) {
		this.#on = on;
	}

	push(piece) {
		this.#lines.push(piece, (line) => this.#take(line));
	}

	/* An empty line is a ping. */
	#take(line) {
		if (line === "")
			return;
		const said = JSON.parse(line), id = said.id ?? "";
		if (id !== "")
			this.#on.cursor(id);
		if (said.system === "open")
			return;
		if (said.system !== undefined)
			this.#on.event({kind: LineFrames.#kind(said.system),
				type: "message", id, data: line});
		else
			this.#on.event(messageOf(said, "message", id));
	}

	static #kind(system) {
		return system === "ping" || system === "gap" ? system : "system";
	}
}
