/* A subscription over any number of connections. It calls
 *
 *	on.state(state, told)	connecting, open, waiting, rejected, stopped
 *	on.event(event)		as the parsers of parser.js do
 *
 * fetch() and not EventSource, which can set no header, and reports neither status nor
 * text of a rejection. */

const EVENTS = "text/event-stream";
const LINES = "application/x-ndjson";
const REJECTION_MAX = 4096; /* characters shown of one */
const WAIT_MAX_MS = 30000;
/* Statuses worth a retry. */
const PASSING = [408, 429, 500, 502, 503, 504];

class Stream {
	cursor;
	retryMs;
	#ask;
	#on;
	#over = false;
	#abort = null;
	#wake = null;
	#failures = 0;
	#heardAt = 0;
	#lostAt = 0;
	#atOnce = false; /* the user cut it, to see it come back */

	/* `ask`: {url, headers, subjects, deliver, cursor, retryMs, quietMs}. A
	 * connection without a byte for quietMs (0: no limit) is treated as dead. */
	constructor(ask, on) {
		this.#ask = ask;
		this.#on = on;
		this.cursor = ask.cursor;
		this.retryMs = ask.retryMs;
	}

	async run() {
		while (!this.#over) {
			const end = await this.#connection();
			if (this.#over)
				break;
			if (end.rejection && !PASSING.includes(end.status)) {
				this.#over = true;
				this.#on.state("rejected", end);
				return;
			}
			this.#lostAt ||= Date.now();
			await this.#wait(end);
		}
		this.#on.state("stopped", {});
	}

	stop() {
		this.#over = true;
		this.#abort?.abort();
		this.#wake?.();
	}

	/* Closes the connection, or ends the wait. */
	reconnect() {
		this.#atOnce = this.#abort !== null;
		this.#abort?.abort(new Error("closed by you"));
		this.hurry();
	}

	/* Ends the wait, if there is one. */
	hurry() {
		this.#failures = 0;
		this.#wake?.();
	}

	/* To be called regularly. */
	check() {
		const quiet = Date.now() - this.#heardAt;
		if (this.#ask.quietMs > 0 && quiet > this.#ask.quietMs)
			this.#abort?.abort(new Error(
				`no data for ${Math.round(quiet / 1000)} s`));
	}

	/* Delay: the reconnection time, and more after each failure. */
	#pause(end) {
		if (this.#atOnce)
			return 0;
		const ms = this.retryMs * 2 ** Math.max(0, this.#failures - 1);
		return end.retryAfterMs ??
			Math.min(ms, Math.max(WAIT_MAX_MS, this.retryMs));
	}

	async #wait(end) {
		const ms = this.#pause(end);
		this.#atOnce = false;
		this.#on.state("waiting", {...end, ms, cursor: this.cursor});
		await new Promise((done) => {
			const timer = setTimeout(done, ms);
			this.#wake = () => {
				clearTimeout(timer);
				done();
			};
		});
		this.#wake = null;
	}

	/* The reason of an end: {text}, and of a rejection {rejection, status, ...}. */
	async #connection() {
		const sent = this.cursor;
		this.#abort = new AbortController();
		this.#heardAt = Date.now();
		this.#on.state("connecting", {again: this.#lostAt > 0});
		try {
			const answer = await this.#request(this.#abort.signal);
			const rejection = await Stream.#rejection(answer);
			if (rejection) {
				this.#failures++;
				return rejection;
			}
			this.#failures = 0;
			this.#opened(sent);
			await this.#read(answer);
			return {text: "the gateway ended the stream"};
		} catch (error) {
			const abort = this.#abort.signal;
			if (!abort.aborted)
				this.#failures++;
			return {text: (abort.reason ?? error).message};
		} finally {
			this.#abort = null;
		}
	}

	#request(signal) {
		const headers = new Headers(this.#ask.headers);
		/* The type of events is not named: a client that names it gets 200
		 * instead of a 503, for the sake of EventSource. */
		headers.set("Accept", `${LINES}, text/*;q=0.5`);
		if (this.cursor !== "")
			headers.set("Last-Event-ID", this.cursor);
		const query = new URLSearchParams({deliver: this.#ask.deliver,
			system: 1, format: "json"});
		for (const subject of this.#ask.subjects)
			query.append("subject", subject);
		return fetch(`${this.#ask.url}?${query}`,
			{headers, signal, cache: "no-store"});
	}

	static async #rejection(answer) {
		const type = answer.headers.get("Content-Type") ?? "nothing";
		if (answer.status === 200 &&
		    (type.startsWith(EVENTS) || type.startsWith(LINES)))
			return null;
		const after = Number(answer.headers.get("Retry-After") ?? NaN);
		const text = answer.status === 200
			? `not an event stream, but ${type}`
			: (await answer.text()).trim().slice(0, REJECTION_MAX);
		return {rejection: true, status: answer.status,
			text: text || answer.statusText,
			retryAfterMs: after >= 0 ? after * 1000 : undefined};
	}

	#opened(sent) {
		this.#on.state("open", {cursor: sent,
			away: this.#lostAt ? Date.now() - this.#lostAt : 0});
		this.#lostAt = 0;
	}

	async #read(answer) {
		const type = answer.headers.get("Content-Type");
		const Frames = type.startsWith(LINES) ? LineFrames : EventFrames;
		const frames = new Frames({
			event: (event) => this.#on.event(event),
			cursor: (id) => this.cursor = id,
			retry: (ms) => this.retryMs = ms,
		});
		const reader = answer.body.getReader();
		const decoder = new TextDecoder();
		for (;;) {
			const {done, value} = await reader.read();
			if (done)
				return;
			this.#heardAt = Date.now();
			frames.push(decoder.decode(value, {stream: true}));
		}
	}
}
