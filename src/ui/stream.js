/* One stream of events, over as many connections as it takes. It calls
 *
 *	on.state(state, told)	connecting, open, waiting, refused, stopped
 *	on.event(event)		as the readers of frames.js do
 *
 * fetch() and not EventSource: that one can set no header, and says of a refusal
 * neither the status nor the text. */

const EVENTS = "text/event-stream";
const LINES = "application/x-ndjson";
const REFUSAL_MAX = 4096; /* characters shown of one */
const WAIT_MAX_MS = 30000;
/* Which answers may be another one in a moment. */
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

	/* `ask`: {url, headers, deliver, cursor, retryMs, quietMs}. A stream
	 * that has been quiet for longer than quietMs (0: ever) is given up as
	 * dead. */
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
			if (end.refusal && !PASSING.includes(end.status)) {
				this.#over = true;
				this.#on.state("refused", end);
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

	/* Cuts the connection, or waits no longer. */
	reconnect() {
		this.#atOnce = this.#abort !== null;
		this.#abort?.abort(new Error("cut by you"));
		this.hurry();
	}

	/* Waits no longer, if it does. */
	hurry() {
		this.#failures = 0;
		this.#wake?.();
	}

	/* Called now and then. */
	check() {
		const quiet = Date.now() - this.#heardAt;
		if (this.#ask.quietMs > 0 && quiet > this.#ask.quietMs)
			this.#abort?.abort(new Error(
				`nothing heard for ${Math.round(quiet / 1000)} s`));
	}

	/* How long to wait: as said, and longer each time that it fails. */
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

	/* How it ended: {text}, and of a refusal {refusal, status, ...}. */
	async #connection() {
		const sent = this.cursor;
		this.#abort = new AbortController();
		this.#heardAt = Date.now();
		this.#on.state("connecting", {again: this.#lostAt > 0});
		try {
			const answer = await this.#request(this.#abort.signal);
			const refusal = await Stream.#refusal(answer);
			if (refusal) {
				this.#failures++;
				return refusal;
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
		/* Lines say more than events. Those are not asked for by their
		 * own name: whoever names them gets 200 in place of a 503, since
		 * an EventSource could not bear that one. */
		headers.set("Accept", `${LINES}, text/*;q=0.5`);
		if (this.cursor !== "")
			headers.set("Last-Event-ID", this.cursor);
		const query = new URLSearchParams({deliver: this.#ask.deliver,
			system: 1});
		return fetch(`${this.#ask.url}?${query}`,
			{headers, signal, cache: "no-store"});
	}

	static async #refusal(answer) {
		const type = answer.headers.get("Content-Type") ?? "nothing";
		if (answer.status === 200 &&
		    (type.startsWith(EVENTS) || type.startsWith(LINES)))
			return null;
		const after = Number(answer.headers.get("Retry-After") ?? NaN);
		const text = answer.status === 200
			? `this is no event stream, but ${type}`
			: (await answer.text()).trim().slice(0, REFUSAL_MAX);
		return {refusal: true, status: answer.status,
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
