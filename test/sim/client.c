/* What a client receives, decoded from the bytes that its socket took, and
 * whether it is right: every stored message once and in order, missing ones
 * reported, no reset without a reason, no byte of another client's events. */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "nats/pattern.h"

void client_init(struct client *c, int no)
{
	static struct room {
		char bytes[BYTES_MAX];
		uint8_t got[UIDS_MAX];
		uint8_t owed[SIM_MAX_SEQ + 1];
	} rooms[MAX_CLIENTS]; /* one run after the other */

	c->bytes = rooms[no].bytes;
	c->got = rooms[no].got;
	c->owed = rooms[no].owed;
	memset(c->got, 0, UIDS_MAX);
	memset(c->owed, 0, SIM_MAX_SEQ + 1);
}

static void add_some(struct sim *s, struct span *list, size_t *n,
		     const char *const *pool, size_t n_pool, uint64_t max)
{
	for (*n = 0; *n < max; ++*n)
		list[*n] = span_of(pool[sim_rnd(s, n_pool)]);
}

/* Nothing that the template "ev.{id}" does not name. */
static void choose_selection(struct sim *s, struct rights_selection *to)
{
	static const char *const patterns[] = {
		"ev.a", "ev.b", "ev.c", "ev.d", "ev.*", "ev.>", "*.a", "*.b",
	};
	static const char *const denied[] = {"ev.b", "ev.a", "*.c", "ev.g"};

	add_some(s, to->patterns, &to->n_patterns, patterns,
		 ARRAY_LEN(patterns), 1 + sim_rnd(s, 4));
	add_some(s, to->denied, &to->n_denied, denied, ARRAY_LEN(denied),
		 sim_rnd(s, 3));
	to->n_patterns = pattern_normalise(to->patterns, to->n_patterns);
	to->n_denied = pattern_normalise(to->denied, to->n_denied);
}

static bool matches_any(const struct span *list, size_t n, struct span subject)
{
	for (size_t i = 0; i < n; i++)
		if (pattern_matches(list[i], subject))
			return true;
	return false;
}

void client_choose_subjects(struct sim *s, struct client *c)
{
	const struct rights_selection *sel = &c->selection;

	c->wide = sim_has(s, FEATURE_SELECTIONS) && sim_rnd(s, 4) > 0;
	c->follows = 1u << c->subject;
	if (!c->wide)
		return;
	choose_selection(s, &c->selection);
	c->follows = 0;
	for (unsigned i = 0; i < SIM_SUBJECTS; i++) {
		struct span subject = span_of(sim_subjects[i]);

		if (matches_any(sel->patterns, sel->n_patterns, subject) &&
		    !matches_any(sel->denied, sel->n_denied, subject))
			c->follows |= 1u << i;
	}
}

unsigned client_epoch(const struct sim *s, const char *tag)
{
	for (unsigned e = s->js.epoch; e > 0; e--)
		if (strcmp(fake_jetstream_tag(e).hex, tag) == 0)
			return e;
	return 0;
}

static bool is_judged(const struct sim *s, const struct client *c)
{
	return c->started && c->epoch == s->js.epoch && !c->doomed &&
	       s->rolled_from == 0;
}

/* A later message of the same subject comes in its place: as a part of the
 * snapshot, or behind it. */
static bool is_superseded(const struct sim *s, const struct client *c,
			  size_t uid)
{
	if (s->js.messages[uid].seq > c->snapshot_to)
		return false;
	for (size_t i = uid + 1; i < s->js.n_messages; i++)
		if (s->subjects[i] == s->subjects[uid])
			return true;
	return false;
}

void client_check_owed(struct sim *s, struct client *c)
{
	size_t from, to;

	if (!is_judged(s, c) || c->start >= SIM_MAX_SEQ)
		return;
	from = fake_jetstream_place_above(&s->js, c->start);
	to = fake_jetstream_place_above(&s->js, c->id);
	for (size_t i = from; i < to; i++) {
		size_t uid = s->js.stored[i];

		if (client_follows(c, s->subjects[uid]) && !c->got[uid] &&
		    !is_superseded(s, c, uid))
			sim_fail(s,
				 "client %ld lacks sequence %" PRIu64
				 ", its id is %" PRIu64,
				 client_no(s, c), s->js.messages[uid].seq,
				 c->id);
	}
}

/* No message removed by limits or a purge is skipped silently. If it was
 * removed before the gateway had read it, the report may come after later
 * messages. */
static void note_gone(struct sim *s, struct client *c, uint64_t from,
		      uint64_t to)
{
	if (!is_judged(s, c) || from >= SIM_MAX_SEQ)
		return;
	for (uint64_t q = from + 1; q <= to && q <= SIM_MAX_SEQ; q++) {
		size_t uid = s->removed.messages[q];

		if (uid == 0 || !client_follows(c, s->subjects[uid]) ||
		    c->got[uid] || is_superseded(s, c, uid))
			continue;
		if (s->removed.was_read[q])
			sim_fail(s,
				 "client %ld goes from %" PRIu64 " to %" PRIu64
				 ", and is not told that %" PRIu64 " is gone",
				 client_no(s, c), from, to, q);
		c->owed[q] = sim_has(s, FEATURE_OVERTAKE);
	}
}

void client_check_told(struct sim *s, struct client *c)
{
	for (uint64_t q = 1; q <= SIM_MAX_SEQ && is_judged(s, c); q++)
		if (c->owed[q])
			sim_fail(s,
				 "client %ld is never told that %" PRIu64
				 " is gone",
				 client_no(s, c), q);
}

/* What was gone before is no part of the snapshot. */
static void take_snapshot_start(struct sim *s, struct client *c)
{
	c->snapshot_to = s->js.last_seq;
	for (uint64_t q = c->start + 1; q <= c->snapshot_to && q <= SIM_MAX_SEQ;
	     q++)
		if (s->removed.messages[q] != 0)
			c->got[s->removed.messages[q]] = 1;
}

static void take_id(struct sim *s, struct client *c, const char *text)
{
	struct sse_event_id cur;

	if (sse_event_id_parse(&cur, text, strlen(text)) < 0) {
		sim_fail(s, "bad id %s", text);
		return;
	}
	if (c->started && cur.seq < c->id)
		sim_fail(s, "client %ld: id went back from %" PRIu64 " to %s",
			 client_no(s, c), c->id, text);
	if (!c->started) {
		c->start = c->sent = cur.seq;
		if (c->wide && c->policy == START_LAST)
			take_snapshot_start(s, c);
	}
	c->started = true;
	c->id = cur.seq;
	if (cur.has_tag)
		memcpy(c->tag, cur.tag.hex, sizeof(c->tag));
}

struct gap {
	bool reset;
	uint64_t after, first, id;
};

/* The stream is another one, or was rolled back. */
static void take_reset(struct sim *s, struct client *c, const struct gap *g)
{
	if (c->sound == s->js.epoch && !c->doomed)
		sim_fail(s, "client %ld: a reset of nothing", client_no(s, c));
	/* Not the id of a rolled back or an earlier stream. */
	/* Nor was a cursor beyond the end reset before the roll-back. */
	c->reset_first = c->doomed == 1 && c->epoch == s->js.epoch &&
					 c->sound == s->js.epoch
				 ? g->first
				 : 0;
	memset(c->got, 0, UIDS_MAX);
	memset(c->owed, 0, SIM_MAX_SEQ + 1);
	c->snapshot_to = 0;
	if (c->doomed > 0)
		c->doomed--;
	c->epoch = 0; /* by the tag */
	c->id = c->sent = 0;
}

static void take_gap(struct sim *s, struct client *c, const struct gap *g)
{
	/* Reported after later events: with the subscription's own id. */
	bool late = !g->reset && g->id != g->first - 1 && g->id >= c->id;

	if (!c->started && (!c->ndjson || c->system))
		sim_fail(s, "a gap before the opening");
	if (g->id != g->first - 1 && !late)
		sim_fail(s, "gap's id %" PRIu64 ", first %" PRIu64, g->id,
			 g->first);
	if (!g->reset && g->first <= g->after + 1)
		sim_fail(s, "gap that is none: %" PRIu64 " to %" PRIu64,
			 g->after, g->first);
	sim_say(s, "  client %ld: %s %" PRIu64 " to %" PRIu64, client_no(s, c),
		g->reset ? "reset" : "gap", g->after, g->first);
	c->gaps++;
	if (g->reset)
		take_reset(s, c, g);
	for (uint64_t q = g->after + 1; q < g->first && q <= SIM_MAX_SEQ; q++)
		c->owed[q] = 0;
	if (late)
		return;
	c->start = g->first - 1;
	if (c->sent < g->first - 1)
		c->sent = g->first - 1;
}

static void take_message(struct sim *s, struct client *c, uint64_t uid,
			 uint64_t seq)
{
	if (uid == 0 || uid >= s->js.n_messages) {
		sim_fail(s, "foreign bytes: %" PRIu64, uid);
		return;
	}
	if (s->js.messages[uid].seq != seq ||
	    !client_follows(c, s->subjects[uid]))
		sim_fail(s,
			 "client %ld got another's message: uid %" PRIu64
			 " as id %" PRIu64,
			 client_no(s, c), uid, seq);
	if (!c->started && (!c->ndjson || c->system))
		sim_fail(s, "a message before the opening");
	if (seq <= c->sent)
		sim_fail(s, "client %ld got %" PRIu64 " after %" PRIu64,
			 client_no(s, c), seq, c->sent);
	if (c->over || (++c->messages > c->limit && c->limit != 0))
		sim_fail(s, "client %ld got one more than its limit",
			 client_no(s, c));
	c->sent = seq;
	c->got[uid] = 1;
	c->last_ms = s->now_ms;
}

/* All messages published since the roll-back must come after the reset. */
static void check_reset(struct sim *s, struct client *c)
{
	uint64_t first = c->reset_first;

	c->reset_first = 0;
	if (first != 0 && c->epoch == s->js.epoch && s->rolled_to != 0 &&
	    first > s->rolled_to + 1 && s->js.last_seq > s->rolled_to &&
	    first > fake_jetstream_first_seq(&s->js))
		sim_fail(s,
			 "client %ld: reset to %" PRIu64
			 ", the stream was rolled back to %" PRIu64,
			 client_no(s, c), first, s->rolled_to);
}

/* After a message, a gap, or a system event; `id` may be NULL. */
static void go_on(struct sim *s, struct client *c, const char *id, bool gap)
{
	if (id == NULL)
		return;
	if (!gap && c->started)
		note_gone(s, c, c->id > c->start ? c->id : c->start,
			  strtoull(id, NULL, 10));
	take_id(s, c, id);
	if (c->epoch == 0)
		c->epoch = client_epoch(s, c->tag);
	check_reset(s, c);
	client_check_owed(s, c);
}

/* The text of a member that is a string, or NULL. */
static const char *member(const char *line, const char *name, char *room,
			  size_t size)
{
	const char *at = strstr(line, name);
	size_t len;

	if (at == NULL)
		return NULL;
	at += strlen(name);
	len = strcspn(at, "\"");
	MUST(len < size);
	memcpy(room, at, len);
	room[len] = '\0';
	return room;
}

/* A message as a JSON object. */
static void take_object(struct sim *s, struct client *c, const char *line)
{
	const char *at = strstr(line, "\"data\":");
	char id[32], subject[64];
	uint64_t uid;

	if (at == NULL || member(line, "\"id\":\"", id, sizeof(id)) == NULL ||
	    member(line, "\"subject\":\"", subject, sizeof(subject)) == NULL) {
		sim_fail(s, "strange line: %s", line);
		return;
	}
	at += strlen("\"data\":");
	uid = strtoull(at + (*at == '"'), NULL, 10);
	take_message(s, c, uid, strtoull(id, NULL, 10));
	if (uid < s->js.n_messages &&
	    strcmp(s->js.messages[uid].subject, subject) != 0)
		sim_fail(s, "the subject of another message: %s", line);
}

/* One block between empty lines. */
static void take_block(struct sim *s, struct client *c, char *block)
{
	const char *data = NULL, *id = NULL, *event = NULL;
	char *line, *save = NULL;
	bool gap = false;

	sim_say(s, "  client %ld <- %s", client_no(s, c), block);
	for (line = strtok_r(block, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, "data: ", 6) == 0)
			data = line + 6;
		else if (strncmp(line, "id: ", 4) == 0)
			id = line + 4;
		else if (strncmp(line, "event: ", 7) == 0)
			event = line + 7;
		else if (strncmp(line, "retry: ", 7) != 0 && line[0] != ':')
			sim_fail(s, "strange line: %s", line);
	}
	gap = event != NULL && strcmp(event, "gap") == 0;
	if (gap && data != NULL && id != NULL) {
		struct gap g = {.id = strtoull(id, NULL, 10)};
		char reason[16];

		if (sscanf(data,
			   "{\"system\": \"gap\", \"reason\": \"%15[a-z]\", "
			   "\"after\": %" SCNu64 ", \"first\": %" SCNu64 "}",
			   reason, &g.after, &g.first) != 3)
			sim_fail(s, "bad gap %s", data);
		g.reset = strcmp(reason, "reset") == 0;
		take_gap(s, c, &g);
	} else if (data != NULL && id != NULL &&
		   (data[0] != '{' || strncmp(data, "{\"seq\"", 6) == 0)) {
		if (c->json_events != (data[0] == '{'))
			sim_fail(s, "another form: %s", data);
		if (c->json_events)
			take_object(s, c, data);
		else
			take_message(s, c, strtoull(data, NULL, 10),
				     strtoull(id, NULL, 10));
	}
	go_on(s, c, id, gap);
}

/* One line of JSON. */
static void take_line(struct sim *s, struct client *c, char *line)
{
	char id[32], what[32], reason[32];
	const char *at;
	bool gap = false;

	sim_say(s, "  client %ld <- %s", client_no(s, c), line);
	if (line[0] == '\0')
		return;
	if (member(line, "\"system\":\"", what, sizeof(what)) == NULL) {
		take_object(s, c, line);
	} else if (strcmp(what, "gap") == 0) {
		struct gap g = {0};

		gap = true;
		member(line, "\"reason\":\"", reason, sizeof(reason));
		member(line, "\"id\":\"", id, sizeof(id));
		g.id = strtoull(id, NULL, 10);
		g.reset = strcmp(reason, "reset") == 0;
		at = strstr(line, "\"after\":");
		if (at == NULL ||
		    sscanf(at, "\"after\":%" SCNu64 ",\"first\":%" SCNu64,
			   &g.after, &g.first) != 2)
			sim_fail(s, "bad gap %s", line);
		take_gap(s, c, &g);
	} else if (!c->system) {
		sim_fail(s, "not asked for: %s", line);
	}
	go_on(s, c, member(line, "\"id\":\"", id, sizeof(id)), gap);
}

/* Takes whole events off the front. */
static void take_events(struct sim *s, struct client *c, char *bytes,
			size_t *len)
{
	const char *end_mark = c->ndjson ? "\n" : "\n\n";
	size_t mark = strlen(end_mark), done = 0;
	char *end;

	while (done < *len && (end = memmem(bytes + done, *len - done, end_mark,
					    mark)) != NULL) {
		char *one = bytes + done;

		done = (size_t)(end - bytes) + mark;
		end[mark - 1] = '\0';
		if (c->ndjson)
			take_line(s, c, one);
		else
			take_block(s, c, one);
	}
	memmove(bytes, bytes + done, *len - done);
	*len -= done;
}

/* Whole chunks hold whole events. */
static void take_chunks(struct sim *s, struct client *c)
{
	char *raw = c->bytes;
	size_t n = c->n_bytes;

	for (;;) {
		char *eol = memmem(raw, n, "\r\n", 2);
		size_t len, head, left;
		char one[4096];

		if (eol == NULL)
			break;
		head = (size_t)(eol - raw) + 2;
		len = strtoul(raw, NULL, 16);
		if (n < head + len + 2)
			break;
		MUST(len + 1 < sizeof(one));
		memcpy(one, raw + head, len);
		if (memcmp(raw + head + len, "\r\n", 2) != 0)
			sim_fail(s, "a chunk without its end");
		left = len;
		take_events(s, c, one, &left);
		if (left != 0)
			sim_fail(s, "a chunk that is no whole event");
		raw += head + len + 2;
		n -= head + len + 2;
	}
	memmove(c->bytes, raw, n);
	c->n_bytes = n;
}

void client_take(struct sim *s, struct client *c, const void *p, size_t len)
{
	MUST(c->n_bytes + len < BYTES_MAX);
	memcpy(c->bytes + c->n_bytes, p, len);
	c->n_bytes += len;
	if (c->chunked)
		take_chunks(s, c);
	else
		take_events(s, c, c->bytes, &c->n_bytes);
}
