/* The box that publishes a message, where the gateway allows writing. Whether this
 * identity may publish to this subject only the gateway knows: it answers 403. */

const ANSWER_MS = 60000;
const DETAIL_MAX = 1000; /* characters shown of a problem */
const HEADER_LINE = /^([^\s:]+):[ \t]*(.*)$/;

/* Throws where a line is no header. */
function publishHeaders() {
	const headers = new Headers(identityHeaders());
	for (const line of $("publish-headers").value.split("\n")) {
		if (line.trim() === "")
			continue;
		const parts = HEADER_LINE.exec(line.trim());
		if (parts === null)
			throw new Error(`"${line}" is not "Name: value"`);
		headers.append(`NatsH-${parts[1]}`, parts[2]);
	}
	const key = $("publish-key").value.trim();
	if (key !== "")
		headers.set("Idempotency-Key", key);
	headers.set("Content-Type", "application/octet-stream");
	return headers;
}

/* {ok, text}: what the gateway answered. */
async function publishMessage(headers) {
	const subject = $("publish-subject").value.trim();
	const query = subject === "" ? "" : `?${new URLSearchParams({subject})}`;
	const answer = await fetch(`api/v1/events${query}`, {
		method: "POST", headers, cache: "no-store",
		body: new TextEncoder().encode($("publish-payload").value),
		signal: AbortSignal.timeout(ANSWER_MS),
	});
	const text = (await answer.text()).trim();
	return answer.ok ? {ok: true, text: acknowledgementText(JSON.parse(text))}
		: {ok: false, text: `${answer.status}: ${problemText(text)}`};
}

function acknowledgementText({seq, id, subject, duplicate}) {
	return duplicate
		? `Not stored again: the key is that of ${seq}, ${id}`
		: `Stored in ${subject} as ${seq}, ${id}`;
}

/* A proxy answers with a page or text of its own. */
function problemText(text) {
	let detail = text;
	try {
		const problem = JSON.parse(text);
		detail = String(problem.detail ?? problem.title ?? text);
	} catch {
		/* not JSON */
	}
	return visibleName(detail, DETAIL_MAX);
}

function showPublished({ok, text}) {
	$("publish-result").dataset.ok = ok;
	set("publish-result", text);
}

async function publish() {
	let headers;
	try {
		headers = publishHeaders();
	} catch (error) {
		showPublished({ok: false, text: `Not sent: ${error.message}`});
		return;
	}
	$("publish-send").disabled = true;
	showPublished({ok: true, text: "Publishing"});
	try {
		showPublished(await publishMessage(headers));
	} catch (error) {
		showPublished({ok: false, text: "No answer, the message may be stored: " +
			error.message});
	}
	$("publish-send").disabled = false;
}

/* Without a subject the gateway takes its first template. */
function showPublishSubject() {
	$("publish-subject").placeholder = defaultSubjects()[0] ?? "";
}

$("publish").hidden = gateway.writing !== "1";
showPublishSubject();
$("id").addEventListener("input", showPublishSubject);
$("publish-form").addEventListener("submit", (event) => {
	event.preventDefault();
	publish();
});
$("publish-payload").addEventListener("keydown", (event) => {
	if (event.key === "Enter" && (event.ctrlKey || event.metaKey) &&
	    !$("publish-send").disabled)
		publish();
});
