/* The list: only visible rows are elements, for any number of entries. The height of
 * a row is --row in the style sheet.
 *
 *	on.chosen(entry, open)	selected by click or keyboard; null: none
 *	on.following(bool)	the list follows the newest entry, or not
 *
 * Events are never parsed as HTML: textContent only. */

const EXCERPT = 300;  /* characters of a text in its row */
const SUBJECT_MAX = 40; /* characters that its column is wide at the most */
const OVERSCAN = 4;   /* rows beyond each edge */

class EventList {
	following = true;
	chosen = null;
	#box;
	#sizer;
	#store;
	#on;
	#rows = [];
	#height = 28;
	#drawnAt = 0;
	/* Characters of the longest so far. */
	#widths = {seq: 8, subject: 12};

	constructor(box, sizer, store, on) {
		this.#box = box;
		this.#sizer = sizer;
		this.#store = store;
		this.#on = on;
		box.addEventListener("scroll", () => this.#scrolled());
		box.addEventListener("click", (event) => this.#clicked(event));
		box.addEventListener("keydown", (event) => this.#key(event));
		new ResizeObserver(() => this.#resized()).observe(box);
	}

	#resized() {
		this.#height = parseFloat(
			getComputedStyle(this.#box).getPropertyValue("--row"));
		this.draw();
	}

	/* ---- drawing ---- */

	draw() {
		const n = this.#store.shown.length, height = this.#height;
		const box = this.#box, seen = box.clientHeight;
		this.#sizer.style.height = `${n * height}px`;
		if (this.following)
			box.scrollTop = n * height;
		else if (this.#store.shifted > 0)
			box.scrollTop -= this.#store.shifted * height;
		this.#store.shifted = 0;
		const first = Math.max(0,
			Math.floor(box.scrollTop / height) - OVERSCAN);
		const count = Math.ceil(seen / height) + 2 * OVERSCAN;
		this.#drawnAt = Date.now();
		this.#rowsFor(count);
		this.#rows.forEach((row, i) => this.#drawRow(row, first + i, n));
		this.#tellActive();
	}

	#rowsFor(count) {
		while (this.#rows.length < count) {
			const row = EventList.#newRow(this.#rows.length);
			this.#rows.push(row);
			this.#sizer.append(row.element);
		}
		while (this.#rows.length > count)
			this.#rows.pop().element.remove();
	}

	static #newRow(i) {
		const element = document.createElement("div");
		const part = (name) => {
			const span = document.createElement("span");
			span.className = name;
			element.append(span);
			return span;
		};
		element.id = `row-${i}`;
		element.setAttribute("role", "option");
		element.setAttribute("aria-setsize", "-1");
		return {element, entry: undefined, i: -1, chosen: null,
			seq: part("seq"), age: part("age"),
			subject: part("subject"), headers: part("headers"),
			text: part("text")};
	}

	#drawRow(row, i, n) {
		const entry = i < n ? this.#store.shown.at(i) : undefined;
		const element = row.element;
		if (row.i !== i) {
			row.i = i;
			element.style.transform = `translateY(${i * this.#height}px)`;
			element.setAttribute("aria-posinset", i + 1);
		}
		if (row.entry !== entry) {
			row.entry = entry;
			element.hidden = entry === undefined;
			if (entry)
				this.#fill(row, entry);
		}
		if (!entry)
			return;
		const chosen = entry === this.chosen;
		if (row.chosen !== chosen) {
			row.chosen = chosen;
			element.setAttribute("aria-selected", chosen);
		}
		const age = formatAge(this.#drawnAt - (entry.time ?? entry.at));
		if (row.age.textContent !== age)
			row.age.textContent = age;
	}

	#fill(row, entry) {
		this.#widen("seq", entry.seq.length);
		this.#widen("subject", Math.min(entry.subject.length, SUBJECT_MAX));
		if (entry.headers.length > 0)
			this.#box.parentElement.classList.add("with-headers");
		row.element.className = `row ${entry.kind}`;
		row.seq.textContent = entry.seq;
		row.subject.textContent = visibleName(entry.subject, EXCERPT);
		row.headers.textContent = EventList.#headersExcerpt(entry.headers);
		row.text.textContent = entry.binary
			? `${NUMBER.format(base64Bytes(entry.data))} bytes, binary`
			: visible(entry.data.slice(0, EXCERPT)
				.replace(/\s*\n\s*/g, " ⏎ "));
	}

	#widen(column, characters) {
		if (characters <= this.#widths[column])
			return;
		this.#widths[column] = characters;
		this.#box.parentElement.style.setProperty(`--${column}`,
			`${characters}ch`);
	}

	/* Three are more than their column has room for. */
	static #headersExcerpt(headers) {
		return headers.slice(0, 3).map(([name, value, binary]) =>
			`${visibleName(name, EXCERPT)}: ` +
			(binary ? "binary" : visibleName(value, EXCERPT)))
			.join("  ");
	}

	#tellActive() {
		const row = this.#rows.find(
			(r) => r.entry && r.entry === this.chosen);
		if (row)
			this.#box.setAttribute("aria-activedescendant",
				row.element.id);
		else
			this.#box.removeAttribute("aria-activedescendant");
	}

	/* ---- input ---- */

	#scrolled() {
		const box = this.#box;
		const below = box.scrollHeight - box.scrollTop - box.clientHeight;
		this.follow(below < this.#height);
		if (!this.following)
			this.draw();
	}

	follow(following) {
		if (following === this.following)
			return;
		this.following = following;
		this.#on.following(following);
	}

	toEnd() {
		this.follow(true);
		this.draw();
	}

	choose(entry, open) {
		this.chosen = entry;
		this.#on.chosen(entry, open);
		this.draw();
	}

	#clicked(event) {
		const row = this.#rows.find((r) => r.element.contains(event.target));
		if (row?.entry)
			this.choose(row.entry, true);
	}

	#key(event) {
		if (event.ctrlKey || event.metaKey || event.altKey)
			return;
		const page = Math.max(1,
			Math.floor(this.#box.clientHeight / this.#height) - 1);
		const steps = {ArrowUp: -1, ArrowDown: 1, PageUp: -page,
			PageDown: page, Home: -Infinity, End: Infinity};
		if (event.key in steps)
			this.#move(steps[event.key]);
		else if (event.key === "Enter" && this.chosen)
			this.choose(this.chosen, true);
		else
			return;
		event.preventDefault();
	}

	#move(step) {
		const last = this.#store.shown.length - 1;
		if (last < 0)
			return;
		const from = this.chosen ? this.#store.find(this.chosen) : -1;
		const to = from < 0 && Number.isFinite(step)
			? last : Math.min(last, Math.max(0, from + step));
		this.follow(to === last);
		this.#bringIntoSight(to);
		this.choose(this.#store.shown.at(to), false);
	}

	#bringIntoSight(i) {
		const box = this.#box, top = i * this.#height;
		this.#sizer.style.height =
			`${this.#store.shown.length * this.#height}px`;
		if (top < box.scrollTop)
			box.scrollTop = top;
		else if (top + this.#height > box.scrollTop + box.clientHeight)
			box.scrollTop = top + this.#height - box.clientHeight;
	}
}
