/* The newest events, bounded by number and size, and those that match the filter, in
 * order. */

const KEPT_EVENTS = 20000;
const KEPT_CHARACTERS = 32 * 1024 * 1024;
const ENTRY_CHARACTERS = 200; /* what one costs beside its payload */

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
		this.#characters += entry.data.length + ENTRY_CHARACTERS;
		if (this.#matches(entry))
			this.shown.push(entry);
		while (this.all.length > KEPT_EVENTS ||
		       (this.#characters > KEPT_CHARACTERS &&
			this.all.length > 1))
			this.#drop();
	}

	#drop() {
		const entry = this.all.shift();
		this.#characters -= entry.data.length + ENTRY_CHARACTERS;
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

	filter(words) {
		this.#matches = Store.#matcher(words);
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

	/* An event must have every word, and none with a minus. Notes of the page (a
	 * gap, a reconnect) are always shown. */
	static #matcher(text) {
		const literal = (word) =>
			new RegExp(word.replace(/[^\w\s]/g, "\\$&"), "i");
		const words = text.split(/\s+/).filter((w) => w && w !== "-");
		const wanted = words.filter((w) => w[0] !== "-").map(literal);
		const barred = words.filter((w) => w[0] === "-")
			.map((w) => literal(w.slice(1)));
		return (entry) => {
			if (entry.kind !== "message")
				return true;
			const has = (word) => word.test(entry.data);
			return wanted.every(has) && !barred.some(has);
		};
	}
}
