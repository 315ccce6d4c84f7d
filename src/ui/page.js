/* The page: the user's input, and what it shows. Events go into the store as they
 * come; drawing happens once a frame, for any number of events. */

const $ = (id) => document.getElementById(id);
const gateway = document.documentElement.dataset;
const usesToken = gateway.auth === "jwt";
const usesHeader = gateway.auth === "header";
const FIGURES_MS = 250;
const SEEN_MAX = 100;    /* subjects that the filter proposes */
const HEADERS_MAX = 100; /* of an event, in its detail */
const FACT_MAX = 2000;   /* characters */

const store = new Store();
/* While the list is paused. */
let held = new Queue();
let heldCharacters = 0;
let paused = false;
let stream = null;
let began = 0;  /* wall clock of the connect, ms */
let entries = 0;
let lastSequence = 0n;
const totals = {events: 0, pings: 0, gaps: 0, reconnects: 0};
let rates = new Seconds();
let latencies = new Seconds();
let pingAt = 0;

/* ---- drawing, once a frame ----------------------------------------------- */

let drawing = false;

function drawSoon() {
	if (drawing)
		return;
	drawing = true;
	requestAnimationFrame(() => {
		drawing = false;
		set("empty", emptyText());
		list.draw();
	});
}

function emptyText() {
	if (store.shown.length > 0)
		return "";
	if (store.all.length > 0)
		return "No event matches the filter.";
	if (stream !== null)
		return "No event yet.";
	return `Not connected.${usesHeader ? " Enter an identity, and connect." : ""}`;
}

const list = new EventList($("list"), $("sizer"), store, {
	chosen: (entry, open) => {
		if (entry && (open || !$("detail").hidden))
			showDetail(entry, open);
	},
	following: (on) => $("newest").hidden = on,
});

/* ---- events ---------------------------------------------------------- */

function add(entry) {
	entry.n = ++entries;
	if (!paused) {
		store.add(entry);
	} else {
		held.push(entry);
		heldCharacters += sizeOf(entry);
		while (held.length > KEPT_EVENTS ||
		       heldCharacters > KEPT_CHARACTERS)
			heldCharacters -= sizeOf(held.shift());
	}
	drawSoon();
}

/* A note of the page among the events. */
function note(kind, text, sequence = "") {
	add({kind, seq: sequence, id: "", subject: "", headers: NO_HEADERS,
		data: text, at: Date.now()});
}

function takeEvent(event) {
	const now = Date.now();
	switch (event.kind) {
	case "ping":
		totals.pings++;
		pingAt = now;
		break;
	case "gap":
		totals.gaps++;
		note("gap", gapText(event.data));
		lastSequence = 0n;
		break;
	case "system":
		note("system", event.data.includes('"expired"')
			? "The token expires soon, and ends the subscription"
			: `Gateway: ${event.data}`);
		break;
	default:
		takeMessage(event, now);
		break;
	}
}

function takeMessage(event, now) {
	const seq = event.id.split("-")[0];
	totals.events++;
	rates.count(now);
	/* Only messages stored after the connect have a latency. */
	if (event.time >= began)
		latencies.sample(now, now - event.time);
	mustBeNext(seq);
	add({...event, seq, at: now});
}

/* The gateway guarantees the order; a proxy or a cache in between does not. */
function mustBeNext(seq) {
	if (!/^\d+$/.test(seq))
		return;
	const sequence = BigInt(seq);
	if (sequence <= lastSequence)
		note("bad", `Out of order: ${sequence} after ${lastSequence}`);
	lastSequence = sequence;
}

function gapText(data) {
	try {
		const {reason, after, first} = JSON.parse(data);
		return reason === "reset"
			? `Reset: the stream was recreated or rolled back; continues with ${first}`
			: `Gap: messages after ${after} and before ${first} are missing`;
	} catch {
		return `Gap: ${data}`;
	}
}

/* ---- the connection ------------------------------------------------------ */

function say(state, text) {
	$("state").dataset.state = state;
	set("said", text);
	$("countdown").textContent = "";
}

/* A blank is the one character that no pattern has. */
function words(text) {
	return text.split(/[ \t]+/).filter((word) => word !== "");
}

/* The gateway's own patterns for the identity. Only the gateway knows the identity
 * of a token, or of a proxy. */
function defaultSubjects() {
	const id = $("id").value.trim();
	return words(gateway.subjects).map((template) =>
		usesHeader && id !== "" ? template.replaceAll("{id}", () => id)
			: template);
}

let followed = "";

function describe(subjects) {
	if (subjects.some((subject) => subject.includes("{id}")))
		return "";
	const all = subjects.join(", ");
	return all.length <= 60 ? ` ${all}`
		: ` ${NUMBER.format(subjects.length)} subjects`;
}

let waitEnds = 0;

function onState(state, told) {
	waitEnds = 0;
	$("again").hidden = state !== "open" && state !== "waiting";
	$("again").textContent = state === "waiting" ? "Try now" : "Reconnect";
	switch (state) {
	case "connecting":
		/* Screen readers announce a lost connection once. */
		say("wait", told.again ? $("said").textContent : "Connecting");
		break;
	case "open":
		opened(told);
		break;
	case "waiting":
		waitEnds = Date.now() + told.ms;
		lost(told);
		break;
	case "rejected":
		mayRenew(told);
		ended("bad", told.status === 200 ? "No event stream" : "Rejected");
		showRejection(told);
		break;
	case "stopped":
		ended("idle", "Disconnected");
		break;
	}
}

function opened({cursor, away}) {
	$("rejection").hidden = true;
	say("open", `Following${followed}`);
	if (away === 0)
		return;
	totals.reconnects++;
	note("back", `Reconnected after ${formatMs(away)}` + (cursor === ""
		? ", without a cursor" : `, from ${cursor}`));
}

function lost(told) {
	const where = told.cursor === "" ? "" : ` from ${told.cursor}`;
	if (told.rejection) {
		showRejection(told);
		say("wait", `${told.status}, retrying${where}`);
	} else {
		say("wait", `Connection lost, resuming${where}`);
	}
	note("lost", (told.rejection ? `Rejected, ${told.status}: ` : "Lost: ") +
		told.text);
}

/* With another token it can continue from its cursor. */
let renewing = false;

function mayRenew({status}) {
	renewing = usesToken && status === 401 && stream.cursor !== "";
	if (!renewing)
		return;
	$("cursor").value = stream.cursor;
	$("token").value = "";
	$("token").focus();
}

function showRejection({status, text}) {
	$("rejection-status").textContent = status;
	$("rejection-text").textContent = text;
	$("rejection").hidden = false;
}

function ended(state, text) {
	stream = null;
	say(state, text);
	$("connect").textContent = "Connect";
	$("disconnect").hidden = true;
	showSetup(true);
}

function identityHeaders() {
	const id = $("id").value.trim(), token = $("token").value.trim();
	const headers = [];
	if (usesToken && token !== "")
		headers.push(["Authorization", `Bearer ${token}`]);
	if (usesHeader && id !== "")
		headers.push([gateway.idHeader, id]);
	return headers;
}

function connect() {
	stream?.stop();
	const id = $("id").value.trim(), subjects = words($("subjects").value);
	const headers = identityHeaders();
	try {
		new Headers(headers);
	} catch {
		showRejection({status: "Not sent", text: "not a valid header value"});
		return;
	}
	const deliver = new FormData($("ask")).get("deliver");
	followed = describe(subjects.length > 0 ? subjects : defaultSubjects());
	if (!renewing)
		startOver();
	renewing = false;
	begin({url: "api/v1/events", headers, subjects, deliver,
		cursor: $("cursor").value.trim(),
		retryMs: Number(gateway.retry),
		quietMs: Number(gateway.ping) && 2 * gateway.ping + 5000});
	remember(id, subjects, deliver);
}

function begin(ask) {
	const mine = new Stream(ask, {
		/* An abandoned connection may still report something. */
		state: (state, told) => stream === mine && onState(state, told),
		event: (event) => stream === mine && takeEvent(event),
	});
	stream = mine;
	$("rejection").hidden = true;
	$("connect").textContent = "Connect again";
	$("disconnect").hidden = false;
	document.title = `${followed || gateway.stream} – sluice`;
	if (narrow.matches)
		showSetup(false);
	mine.run();
}

function disconnect() {
	const mine = stream;
	onState("stopped", {});
	mine?.stop();
}

function startOver() {
	clearList();
	began = Date.now();
	lastSequence = 0n;
	for (const name in totals)
		totals[name] = 0;
	rates = new Seconds();
	latencies = new Seconds();
	pingAt = 0;
}

/* In the fragment, which reaches no server and no log; never a token. */
function remember(id, subjects, deliver) {
	const kept = new URLSearchParams(usesHeader ? {id, deliver} : {deliver});
	for (const subject of subjects)
		kept.append("subject", subject);
	history.replaceState(null, "", `#${kept}`);
}

function recall() {
	const kept = new URLSearchParams(location.hash.slice(1));
	const policy = ["new", "all", "last"].find(
		(word) => word === kept.get("deliver"));
	if (policy)
		$(policy).checked = true;
	$("id").value = kept.get("id") ?? "";
	$("subjects").value = kept.getAll("subject").join(" ");
	showDefaultSubjects();
	if (usesHeader ? $("id").value !== "" : !usesToken && policy)
		connect();
	else if (!narrow.matches)
		$(FIRST_FIELDS[gateway.auth]).focus();
}

const FIRST_FIELDS = {header: "id", jwt: "token", none: "subjects"};

function showDefaultSubjects() {
	$("subjects").placeholder = defaultSubjects().join(" ");
}

/* ---- figures ------------------------------------------------------------- */

function set(id, text) {
	if ($(id).textContent !== text)
		$(id).textContent = text;
}

function showTotals() {
	const now = Date.now();
	set("events", NUMBER.format(totals.events));
	set("pings", totals.pings === 0
		? "0" : `${NUMBER.format(totals.pings)}, ${formatAgo(now - pingAt)}`);
	set("gaps", NUMBER.format(totals.gaps));
	set("reconnects", NUMBER.format(totals.reconnects));
	const cursor = stream?.cursor || $("at").dataset.cursor || "";
	$("at").dataset.cursor = cursor;
	$("at").disabled = cursor === "";
	set("at", cursor || "–");
	set("countdown", waitEnds > now
		? `${Math.ceil((waitEnds - now) / 1000)} s` : "");
	set("kept", keptText());
}

function keptText() {
	const words = [];
	const {all, shown, dropped} = store;
	if (shown.length !== all.length)
		words.push(`${NUMBER.format(shown.length)} of ` +
			`${NUMBER.format(all.length)} shown`);
	if (dropped > 0)
		words.push(`the newest ${NUMBER.format(all.length)} are kept`);
	if (paused)
		words.push(`${NUMBER.format(held.length)} new while paused`);
	return words.join(", ");
}

function showLines() {
	const now = Date.now(), counts = rates.counts(now);
	const recent = counts.slice(-3).reduce((sum, n) => sum + n, 0) / 3;
	set("rate", began === 0 ? "–" : `${NUMBER.format(
		recent < 10 ? Math.round(recent * 10) / 10 : Math.round(recent))}/s`);
	drawLine($("rate-line"), counts);
	const median = latencies.recentMedian(now, 10);
	set("latency", median === undefined ? "–" : formatMs(median));
	drawLine($("latency-line"), latencies.medians(now));
}

setInterval(showTotals, FIGURES_MS);
setInterval(() => {
	showLines();
	stream?.check();
	drawSoon(); /* for the ages */
}, 1000);

/* ---- one event ----------------------------------------------------------- */

let detailed = null;

function showDetail(entry, focus) {
	detailed = entry;
	$("detail-title").textContent = entry.kind === "message"
		? `Event ${entry.seq}` : "Note";
	showPairs("facts", factsOf(entry));
	showHeaders(entry.headers);
	$("about").scrollTop = 0;
	$("only").hidden = entry.subject === "";
	showPayload();
	const was = $("detail").hidden;
	$("detail").hidden = false;
	document.body.classList.add("with-detail");
	setInert(narrow.matches);
	if (focus && (narrow.matches || was))
		$("detail-title").focus({preventScroll: true});
}

function showPairs(id, pairs) {
	$(id).replaceChildren(...pairs.flatMap(([name, value]) => {
		const dt = document.createElement("dt");
		const dd = document.createElement("dd");
		dt.textContent = name;
		dd.textContent = value;
		return [dt, dd];
	}));
}

function showHeaders(headers) {
	const rest = headers.length - HEADERS_MAX;
	$("headers-title").hidden = headers.length === 0;
	showPairs("headers", headers.slice(0, HEADERS_MAX).map(
		([name, value, binary]) => [visibleName(name, FACT_MAX),
			(binary ? `${NUMBER.format(base64Bytes(value))} bytes, base64: `
				: "") + visibleName(value, FACT_MAX)]));
	if (rest > 0)
		$("headers-title").textContent = `Headers, ${NUMBER.format(
			HEADERS_MAX)} of ${NUMBER.format(headers.length)}`;
	else
		$("headers-title").textContent = "Headers";
}

function factsOf(entry) {
	if (entry.kind !== "message")
		return [["at", formatClock(entry.at)]];
	const size = entry.binary ? base64Bytes(entry.data)
		: new TextEncoder().encode(entry.data).length;
	const facts = [["id", entry.id], ["subject", visibleName(entry.subject, FACT_MAX)],
		["size", `${NUMBER.format(size)} bytes`],
		["received", formatClock(entry.at)]];
	if (entry.time !== undefined)
		facts.push(["stored", formatClock(entry.time)],
			["latency", formatMs(entry.at - entry.time)]);
	if (entry.type !== "message")
		facts.push(["type", visibleName(entry.type, FACT_MAX)]);
	return facts;
}

function showPayload() {
	const {data, binary} = detailed;
	const pretty = $("as-pretty").getAttribute("aria-pressed") === "true";
	const pieces = pretty && !binary ? prettyJson(data) : null;
	if (pretty && binary)
		$("payload").textContent = hexDump(data);
	else if (pieces && pieces.length < 20000)
		$("payload").replaceChildren(...pieces.map(([kind, text]) => {
			if (kind === "")
				return document.createTextNode(text);
			const span = document.createElement("span");
			span.className = kind;
			span.textContent = visible(text);
			return span;
		}));
	else
		$("payload").textContent = visible(pieces
			? pieces.map(([, text]) => text).join("") : data);
}

function showAs(pretty) {
	$("as-pretty").setAttribute("aria-pressed", pretty);
	$("as-raw").setAttribute("aria-pressed", !pretty);
	showPayload();
}

/* On a phone an open event covers the list. */
function setInert(on) {
	for (const element of document.querySelectorAll("body > :not(main), #table"))
		element.inert = on;
}

function closeDetail() {
	$("detail").hidden = true;
	setInert(false);
	document.body.classList.remove("with-detail");
	$("list").focus();
}

/* ---- the tools ----------------------------------------------------------- */

function setPaused(on) {
	paused = on;
	$("pause").setAttribute("aria-pressed", on);
	$("pause").textContent = on ? "Go on" : "Pause";
	if (!on) {
		for (const entry of held.slice())
			store.add(entry);
		held = new Queue();
		heldCharacters = 0;
	}
	showTotals();
	drawSoon();
}

function clearList() {
	store.clear();
	held = new Queue();
	heldCharacters = 0;
	list.chosen = null;
	list.toEnd();
	drawSoon();
}

/* navigator.clipboard needs a secure origin; a gateway on a local network is not
 * one. */
async function copyText(text, button) {
	const label = button.textContent;
	let done = true;
	try {
		await navigator.clipboard.writeText(text);
	} catch {
		done = copyByHand(text);
	}
	button.textContent = done ? "Copied" : "Cannot copy";
	button.focus();
	setTimeout(() => button.textContent = label, 1200);
}

function copyByHand(text) {
	const area = document.createElement("textarea");
	area.value = text;
	area.className = "hidden";
	document.body.append(area);
	area.select();
	const done = document.execCommand("copy");
	area.remove();
	return done;
}

/* A line of JSON for each shown event. */
function shownAsLines() {
	return store.shown.slice().filter((entry) => entry.kind === "message")
		.map((entry) => JSON.stringify({id: entry.id,
			subject: entry.subject, type: entry.type,
			came: new Date(entry.at).toISOString(),
			headers: headersAsMembers(entry.headers),
			data: entry.data}) + "\n").join("");
}

/* undefined where there are none: JSON leaves the member out. */
function headersAsMembers(headers) {
	if (headers.length === 0)
		return undefined;
	const members = Object.create(null); /* a name may be __proto__ */
	for (const [name, value] of headers)
		(members[name] ??= []).push(value);
	return members;
}

let filterTimer = 0;

function filterSoon() {
	clearTimeout(filterTimer);
	filterTimer = setTimeout(() => {
		store.filter($("filter").value, $("subject-filter").value);
		drawSoon();
		showTotals();
	}, 120);
}

/* Only when the user looks: events do not wait for this. */
function proposeSubjects() {
	$("subjects-seen").replaceChildren(...store.subjects(SEEN_MAX).map(
		(subject) => {
			const option = document.createElement("option");
			option.value = subject;
			return option;
		}));
}

const narrow = matchMedia("(max-width: 699px)");

function showSetup(open) {
	const shown = open || !narrow.matches;
	$("ask").hidden = !shown;
	$("setup").setAttribute("aria-expanded", shown);
}

function listKey(event) {
	if (event.ctrlKey || event.metaKey || event.altKey)
		return;
	if (event.key === "End")
		list.toEnd();
	else if (event.key === " ")
		setPaused(!paused);
	else if (event.key === "/")
		$("filter").focus();
	else
		return;
	event.preventDefault();
}

/* ---- the start ----------------------------------------------------------- */

$("stream").textContent = gateway.stream;
$("id-header").textContent = gateway.idHeader;
$("id-field").hidden = $("id-hint").hidden = !usesHeader;
$("token-field").hidden = $("token-hint").hidden = !usesToken;
$("ask").addEventListener("submit", (event) => {
	event.preventDefault();
	connect();
});
$("disconnect").addEventListener("click", disconnect);
$("again").addEventListener("click", () => stream?.reconnect());
$("setup").addEventListener("click", () => showSetup($("ask").hidden));
narrow.addEventListener("change", () => {
	showSetup(stream === null);
	setInert(narrow.matches && !$("detail").hidden);
});
$("id").addEventListener("input", showDefaultSubjects);
$("filter").addEventListener("input", filterSoon);
$("subject-filter").addEventListener("input", filterSoon);
$("subject-filter").addEventListener("focus", proposeSubjects);
$("pause").addEventListener("click", () => setPaused(!paused));
$("clear").addEventListener("click", clearList);
$("copy").addEventListener("click",
	() => copyText(shownAsLines(), $("copy")));
$("at").addEventListener("click",
	() => copyText($("at").dataset.cursor, $("at")));
$("newest").addEventListener("click", () => {
	list.toEnd();
	$("list").focus();
});
$("list").addEventListener("keydown", listKey);
$("close").addEventListener("click", closeDetail);
$("detail").addEventListener("keydown", (event) => {
	if (event.key === "Escape")
		closeDetail();
});
$("as-pretty").addEventListener("click", () => showAs(true));
$("as-raw").addEventListener("click", () => showAs(false));
$("only").addEventListener("click", () => {
	$("subject-filter").value = `=${detailed.subject}`;
	filterSoon();
	if (narrow.matches)
		closeDetail(); /* it covers the list */
});
$("copy-one").addEventListener("click",
	() => copyText(detailed.data, $("copy-one")));
addEventListener("online", () => stream?.hurry());
showTotals();
drawSoon();
recall();
