/* The newest events, bounded by number and size, and those that match the filter, in
 * order. */

const KEPT_EVENTS = 20000;
const KEPT_CHARACTERS = 32 * 1024 * 1024;
const ENTRY_CHARACTERS = 200; /* what one costs beside its texts */
const HEADER_CHARACTERS = 50;

function sizeOf({data, subject, headers}) {
	return headers.reduce((sum, [name, value]) =>
		sum + name.length + value.length + HEADER_CHARACTERS,
	ENTRY_CHARACTERS + data.length + subject.length);
}

function literal(word) {
	return word.replace(/[^\w\s]/g, "\\$&");
}

class Queue {
	#items = [];
	#head = 0;

	get length() {
		return this.#items.length - this.#head;
	}

	at(i) {
		return this.#items[this.#head + i];
	}

	push(item) {
		this.#items.push(item);
	}

	shift() {
		const item = this.#items[this.#head];
		this.#items[this.#head++] = undefined;
		if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
			this.#items = this.#items.slice(this.#head);
			this.#head = 0;
		}
		return item;
	}

	slice() {
		return this.#items.slice(this.#head);
	}
}

class Store {
	all = new Queue();
	shown = new Queue();
	/* Entries removed from the front of `shown` since it was last read. */
	shifted = 0;
	dropped = 0;
	#matches = () => true;
	#characters = 0;

	add(entry) {
		this.all.push(entry);
		this.#characters += sizeOf(entry);
		if (this.#matches(entry))
			this.shown.push(entry);
		while (this.all.length > KEPT_EVENTS ||
		       (this.#characters > KEPT_CHARACTERS &&
			this.all.length > 1))
			this.#drop();
	}

	#drop() {
		const entry = this.all.shift();
		this.#characters -= sizeOf(entry);
		this.dropped++;
		if (this.shown.at(0) === entry) {
			this.shown.shift();
			this.shifted++;
		}
	}

	clear() {
		this.all = new Queue();
		this.shown = new Queue();
		this.#characters = 0;
		this.dropped = 0;
		this.shifted = 0;
	}

	/* An event must pass both. Notes of the page (a gap, a reconnect) are always
	 * shown. */
	filter(words, subjects) {
		const hasWords = Store.#words(words);
		const hasSubject = Store.#subjects(subjects);
		this.#matches = (entry) => entry.kind !== "message" ||
			(hasWords(entry) && hasSubject(entry));
		this.shown = new Queue();
		this.shifted = 0;
		for (const entry of this.all.slice())
			if (this.#matches(entry))
				this.shown.push(entry);
	}

	/* Index of an entry among the shown ones; below 0: not shown. */
	find(entry) {
		let low = 0, high = this.shown.length - 1;
		while (low <= high) {
			const middle = (low + high) >> 1;
			const n = this.shown.at(middle).n;
			if (n === entry.n)
				return middle;
			if (n < entry.n)
				low = middle + 1;
			else
				high = middle - 1;
		}
		return -1;
	}

	/* The newest ones, at most n. */
	subjects(n) {
		const found = new Set();
		for (let i = this.all.length - 1; i >= 0 && found.size < n; i--)
			if (this.all.at(i).kind === "message")
				found.add(this.all.at(i).subject);
		return [...found];
	}

	/* Not /\s/, which matches characters that a subject may have. */
	static #split(text) {
		const words = text.split(/[ \t]+/).filter((w) => w && w !== "-");
		return [words.filter((w) => w[0] !== "-"),
			words.filter((w) => w[0] === "-").map((w) => w.slice(1))];
	}

	/* Every word, and none with a minus, in the payload or in a header. */
	static #words(text) {
		const [wanted, barred] = Store.#split(text).map((words) =>
			words.map((word) => new RegExp(literal(word), "i")));
		return ({data, headers}) => {
			const has = (word) => word.test(data) ||
				headers.some(([name, value]) =>
					word.test(name) || word.test(value));
			return wanted.every(has) && !barred.some(has);
		};
	}

	/* One of the subjects, and none with a minus. */
	static #subjects(text) {
		const [wanted, barred] = Store.#split(text).map((words) =>
			words.map(Store.#subjectTest));
		return ({subject}) => {
			const is = (test) => test.test(subject);
			return (wanted.length === 0 || wanted.some(is)) &&
				!barred.some(is);
		};
	}

	/* "=a.b": the whole subject; with a token * or a last token >: a pattern of
	 * NATS; otherwise a part of the subject. */
	static #subjectTest(word) {
		if (word[0] === "=")
			return new RegExp(`^${literal(word.slice(1))}$`);
		const tokens = word.split(".");
		const open = tokens.at(-1) === ">";
		if (!open && !tokens.includes("*"))
			return new RegExp(literal(word), "i");
		const parts = tokens.map((token, i) => {
			if (token === "*")
				return "[^.]+";
			return open && i === tokens.length - 1
				? "[^]+" : literal(token);
		});
		return new RegExp(`^${parts.join("\\.")}$`);
	}
}
