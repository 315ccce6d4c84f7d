/* Counts and samples of each of the last 60 seconds, as a number and a line. */

const SECONDS = 60;
const SAMPLES = 200; /* of a second, for its median */

class Seconds {
	#bins = Array.from({length: SECONDS}, () => Seconds.#bin());
	#now = 0;

	static #bin() {
		return {n: 0, samples: []};
	}

	#advance(ms) {
		const second = Math.floor(ms / 1000);
		if (this.#now === 0)
			this.#now = second;
		for (let i = Math.min(second - this.#now, SECONDS); i > 0; i--) {
			this.#bins.shift();
			this.#bins.push(Seconds.#bin());
		}
		this.#now = Math.max(second, this.#now);
	}

	count(ms) {
		this.#advance(ms);
		this.#bins[SECONDS - 1].n++;
	}

	/* Reservoir sampling: each value of a second is kept with equal probability. */
	sample(ms, value) {
		this.count(ms);
		const bin = this.#bins[SECONDS - 1];
		const i = bin.n <= SAMPLES
			? bin.n - 1 : Math.floor(Math.random() * bin.n);
		if (i < SAMPLES)
			bin.samples[i] = value;
	}

	/* Of complete seconds only. */
	counts(ms) {
		this.#advance(ms);
		return this.#bins.slice(0, -1).map((bin) => bin.n);
	}

	medians(ms) {
		this.#advance(ms);
		return this.#bins.slice(0, -1)
			.map((bin) => Seconds.#median(bin.samples));
	}

	/* Of all samples of the last n seconds; undefined without samples. */
	recentMedian(ms, n) {
		this.#advance(ms);
		return Seconds.#median(
			this.#bins.slice(-n).flatMap((bin) => bin.samples));
	}

	static #median(samples) {
		return samples.toSorted((a, b) => a - b)[samples.length >> 1];
	}
}

/* Bars from the right; the highest fills the canvas. */
function drawLine(canvas, values) {
	const scale = window.devicePixelRatio || 1;
	const width = canvas.clientWidth * scale;
	const height = canvas.clientHeight * scale;
	if (width === 0)
		return;
	canvas.width = width;
	canvas.height = height;
	const ink = canvas.getContext("2d");
	const most = Math.max(...values.map((v) => v ?? 0), 0);
	const step = width / values.length;
	ink.fillStyle = getComputedStyle(canvas).color;
	values.forEach((value, i) => {
		if (!(value > 0))
			return;
		const bar = Math.max(scale, value / most * height);
		ink.fillRect(i * step, height - bar, Math.max(1, step - scale), bar);
	});
}

const NUMBER = new Intl.NumberFormat();

function formatMs(ms) {
	if (ms < 1000)
		return `${Math.round(ms)} ms`;
	return ms < 60000 ? `${(ms / 1000).toFixed(1)} s` : formatAge(ms);
}

function formatAge(ms) {
	const seconds = Math.floor(ms / 1000);
	if (seconds < 1)
		return "now";
	if (seconds < 60)
		return `${seconds} s`;
	if (seconds < 3600)
		return `${Math.floor(seconds / 60)} min`;
	if (seconds < 48 * 3600)
		return `${Math.floor(seconds / 3600)} h`;
	return `${Math.floor(seconds / 86400)} d`;
}

function formatAgo(ms) {
	return ms < 1000 ? formatAge(ms) : `${formatAge(ms)} ago`;
}

function formatClock(ms) {
	const date = new Date(ms);
	const fraction = String(date.getMilliseconds()).padStart(3, "0");
	return `${date.toLocaleTimeString("en-GB")}.${fraction}`;
}
