/* Text of publishers and clients, for a person to read. It goes into the page by
 * textContent only; here it loses what would mislead the eye. */

/* Characters that draw nothing, or change the order of their neighbours. Letters of
 * a payload may need joiners and direction marks; names do not. */
const MISLEADING = /[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g;
const MISLEADING_IN_NAMES = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;

function code(character) {
	const hex = character.codePointAt(0).toString(16).toUpperCase();
	return `‹U+${hex.padStart(4, "0")}›`;
}

function visible(text) {
	return text.replace(MISLEADING, code);
}

function visibleName(text, most) {
	const part = text.slice(0, most).replace(MISLEADING_IN_NAMES, code);
	const rest = text.length - most;
	return rest > 0 ? `${part}… (${NUMBER.format(rest)} more)` : part;
}
