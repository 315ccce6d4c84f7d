/* The list of open subscriptions on the admin listener, and DELETE.
 *
 * A page costs what it shows: the registry finds its begin, and the hub finds
 * the subscriptions of an identity. Only a search by state looks at
 * subscriptions that it does not show, at most SEARCH_MAX of them for each
 * request; the next page goes on from there. */
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "base/calendar.h"
#include "base/check.h"
#include "http/subscriptions_json.h"
#include "http/subscriptions_query.h"
#include "server/conn_internal.h"
#include "server/conn_live.h"
#include "server/conn_respond.h"
#include "server/endpoints.h"

enum {
	PAGE_MAX = 1000, /* subscriptions */
	PAGE_BYTES_MAX = CONN_RESPONSE_MAX - 64 * 1024,
	/* The longest subjects, all of them escaped, and the other members. */
	ENTRY_BYTES_MAX = RIGHTS_LIST_MAX * (2 * PATTERN_MAX + 4) + 4096,
	SEARCH_MAX = 50000,
	DELETE_MAX = 1000, /* subscriptions ended by one DELETE */
};

static const char application_json[] = "application/json";

/* ---- one subscription ---------------------------------------------------- */

static const char *subscription_state_text(enum cursor_state state)
{
	static const char *const texts[CURSOR_STATES] = {
		[CURSOR_CLOSED] = "closed", [CURSOR_WAITING] = "waiting",
		[CURSOR_LIVE] = "live",	    [CURSOR_EVICTED] = "evicted",
		[CURSOR_REPLAY] = "replay",
	};

	return texts[state];
}

/* Of a live subscription those that are alike. */
static enum cursor_state state_of_subscription(const struct conn *c)
{
	if (!c->is_live)
		return (enum cursor_state)c->cursor.state;
	return c->live->core.state == CORE_OPENING ? CURSOR_WAITING
						   : CURSOR_LIVE;
}

static bool is_slow_subscription(const struct conn *c)
{
	return c->is_live ? conn_live_is_blocked(c) : c->cursor.blocked;
}

static struct span identity_of_conn(const struct conn *c)
{
	return c->is_live ? core_hub_identity(&c->live->core)
			  : hub_identity(c->set->cfg.hub, &c->cursor);
}

static bool matches_state(const struct conn *c, enum subscription_state want)
{
	enum cursor_state state = state_of_subscription(c);

	switch (want) {
	case STATE_ANY:
		return true;
	case STATE_LIVE:
		return state == CURSOR_LIVE;
	case STATE_EVICTED:
		return state == CURSOR_EVICTED;
	case STATE_REPLAY:
		return state == CURSOR_REPLAY;
	case STATE_WAITING:
		return state == CURSOR_WAITING;
	case STATE_SLOW:
		return is_slow_subscription(c);
	}
	return false;
}

/* Kept here, or in the kernel and not yet acknowledged. */
static uint64_t unsent_bytes_of(const struct conn *c)
{
	uint64_t bytes = c->unsent == NULL ? 0 : c->unsent->end - c->unsent->at;
	int queued = 0;

	if (ioctl(c->fd, SIOCOUTQ, &queued) == 0 && queued > 0)
		bytes += (uint64_t)queued;
	return bytes;
}

static void format_opened(uint64_t age_ms, char *out, size_t size)
{
	struct timespec now;
	struct calendar_time t;

	clock_gettime(CLOCK_REALTIME, &now);
	t = calendar_time_at(((uint64_t)now.tv_sec * 1000 +
			      (uint64_t)now.tv_nsec / 1000000 - age_ms) /
			     1000);
	snprintf(out, size, "%04u-%02u-%02uT%02u:%02u:%02uZ", t.year, t.month,
		 t.day, t.hour, t.minute, t.second);
}

static void describe_cursor(struct subscriptions_json_entry *e,
			    const struct conn *c, struct span *subjects)
{
	const struct event_buffer *buffer = hub_buffer(c->set->cfg.hub);
	const struct cursor *cursor = &c->cursor;
	uint64_t head = event_buffer_last_seq(buffer);

	e->n_subjects = cursor_n_patterns(cursor);
	MUST(e->n_subjects <= RIGHTS_LIST_MAX);
	for (size_t i = 0; i < e->n_subjects; i++)
		subjects[i] = cursor_pattern(cursor, i);
	e->sequence = cursor_covered(cursor, buffer);
	e->lag = head > e->sequence ? head - e->sequence : 0;
	e->events = cursor->events;
	e->bytes = cursor->bytes;
}

/* No sequences. */
static void describe_live(struct subscriptions_json_entry *e,
			  const struct core_subscription *core,
			  struct span *subjects)
{
	e->n_subjects = 1;
	subjects[0] = core_hub_subject(core);
	e->events = core->events;
	e->bytes = core->bytes;
}

static int put_subscription(struct buf *out, const struct conn *c, bool listed,
			    bool first)
{
	char address[ADDRESS_TEXT_MAX], opened[64];
	struct span subjects[RIGHTS_LIST_MAX];
	struct subscriptions_json_entry e = {
		.number = c->number,
		.id = identity_of_conn(c),
		.subjects = subjects,
		.address = address,
		.state = subscription_state_text(state_of_subscription(c)),
		.opened = opened,
		.age_ms = conn_now_ms(c->set) - c->opened_ms,
		.slow = is_slow_subscription(c),
		.unsent_bytes = unsent_bytes_of(c),
	};

	address_text(&c->address, address);
	format_opened(e.age_ms, opened, sizeof(opened));
	if (c->is_live)
		describe_live(&e, &c->live->core, subjects);
	else
		describe_cursor(&e, c, subjects);
	return listed ? subscriptions_json_add(out, first, &e)
		      : subscriptions_json_put(out, &e);
}

static void reject_unknown_number(struct conn *c, const struct response_to *to,
				  uint64_t number)
{
	struct http_error why;

	http_error_set(&why, 404, REJECT_NOT_FOUND,
		       "no open subscription has the number %llu",
		       (unsigned long long)number);
	conn_reject(c, to, &why);
}

/* One whose write failed is closed by the next tick. */
static bool is_open_subscription(const struct conn *c)
{
	return c != NULL && c->state == CONN_SUBSCRIPTION;
}

static void respond_subscription(struct conn *c, const struct exchange *x)
{
	const struct conn *about =
		registry_find(&c->set->subscriptions, x->number);
	struct buf out;

	if (!is_open_subscription(about)) {
		reject_unknown_number(c, &x->to, x->number);
		return;
	}
	buf_init(&out, ENTRY_BYTES_MAX);
	if (put_subscription(&out, about, false, true) < 0 ||
	    buf_putc(&out, '\n') < 0)
		conn_close(c);
	else
		conn_respond(c, &x->to, 200, application_json, buf_data(&out),
			     buf_unread(&out));
	buf_finish(&out);
}

/* ---- the list ------------------------------------------------------------ */

struct page {
	struct conn_set *set;
	const struct subscriptions_query *want;
	struct buf *out;
	size_t shown;
	size_t examined;
	uint64_t next; /* `after` of the next page; 0: none */
	uint64_t last; /* number examined */
	int rc;
};

static bool is_page_full(const struct page *p)
{
	return p->shown == PAGE_MAX || p->examined == SEARCH_MAX ||
	       buf_unread(p->out) > PAGE_BYTES_MAX;
}

static bool matches_identity(const struct conn *c,
			     const struct subscriptions_query *want)
{
	struct span id;

	if (!want->id.given)
		return true;
	if (!c->is_live && c->cursor.subject == NULL)
		return false;
	id = identity_of_conn(c);
	return id.len == want->id.len &&
	       memcmp(id.at, want->id.text, id.len) == 0;
}

/* False when the page ends before this one. */
static bool show_subscription(struct page *p, const struct conn *c)
{
	if (p->rc < 0)
		return false;
	if (is_page_full(p)) {
		p->next = p->last;
		return false;
	}
	p->examined++;
	p->last = c->number;
	if (is_open_subscription(c) && matches_state(c, p->want->state) &&
	    matches_identity(c, p->want)) {
		p->rc = put_subscription(p->out, c, true, p->shown == 0);
		p->shown++;
	}
	return true;
}

static void walk_registry(struct page *p)
{
	const struct registry *r = &p->set->subscriptions;

	for (size_t i = registry_above(r, p->want->after); i < r->end; i++) {
		const struct conn *c = r->entries[i].item;

		if (c != NULL && !show_subscription(p, c))
			return;
	}
}

static int compare_numbers(const void *a, const void *b)
{
	uint64_t m = (*(const struct conn *const *)a)->number;
	uint64_t n = (*(const struct conn *const *)b)->number;

	return m < n ? -1 : m > n;
}

/* The subscriptions of an identity, of both kinds: at most PAGE_MAX to `ret`.
 * Returns how many there are. */
static size_t find_all_of_identity(const struct conn_set *s,
				   const struct subscriptions_query *want,
				   struct conn **ret)
{
	struct span id = {want->id.text, want->id.len};
	struct core_subscription *live[PAGE_MAX];
	struct cursor *cursors[PAGE_MAX];
	size_t n_live, n;

	n_live = core_hub_find_subscriptions(s->cfg.writing.core, id, live,
					     PAGE_MAX);
	n = hub_find_subscriptions(s->cfg.hub, id, cursors, PAGE_MAX);
	for (size_t i = 0; i < n && i < PAGE_MAX; i++)
		ret[i] = CONTAINER_OF(cursors[i], struct conn, cursor);
	for (size_t i = 0; i < n_live && n + i < PAGE_MAX; i++)
		ret[n + i] =
			CONTAINER_OF(live[i], struct conn_live, core)->conn;
	return n + n_live;
}

/* False: the identity has more subscriptions than a page shows. They are then
 * found in the registry, which finds `after` at once. */
static bool walk_identity(struct page *p)
{
	struct conn *all[PAGE_MAX];
	size_t n = find_all_of_identity(p->set, p->want, all);

	if (n > PAGE_MAX)
		return false;
	qsort(all, n, sizeof(all[0]), compare_numbers);
	for (size_t i = 0; i < n; i++)
		if (all[i]->number > p->want->after)
			show_subscription(p, all[i]);
	return true;
}

static void list_subscriptions(struct conn *c, const struct response_to *to,
			       const struct subscriptions_query *want)
{
	struct buf out;
	struct page p = {.set = c->set, .want = want, .out = &out};

	buf_init(&out, CONN_RESPONSE_MAX - 4096);
	p.rc = subscriptions_json_begin(&out);
	if (!want->id.given || !walk_identity(&p))
		walk_registry(&p);
	if (p.rc == 0)
		p.rc = subscriptions_json_end(&out, p.next);
	if (p.rc < 0)
		conn_close(c);
	else
		conn_respond(c, to, 200, application_json, buf_data(&out),
			     buf_unread(&out));
	buf_finish(&out);
}

/* ---- ending -------------------------------------------------------------- */

static struct conn *first_of_identity(const struct conn_set *s,
				      const struct subscriptions_query *want)
{
	struct conn *all[PAGE_MAX];

	return find_all_of_identity(s, want, all) == 0 ? NULL : all[0];
}

static void end_all_of_identity(struct conn *c, const struct response_to *to,
				const struct subscriptions_query *want)
{
	char text[64];
	unsigned ended = 0;
	struct conn *next;
	int len;

	while (ended < DELETE_MAX &&
	       (next = first_of_identity(c->set, want)) != NULL) {
		conn_end_subscription(next, CLOSE_ADMIN);
		ended++;
	}
	len = snprintf(text, sizeof(text), "{\"ended\": %u, \"more\": %s}\n",
		       ended,
		       first_of_identity(c->set, want) != NULL ? "true"
							       : "false");
	LOG(c->set->cfg.log, LOG_INFO, "subscriptions closed by the admin",
	    LOG_MEM("id", want->id.text, want->id.len),
	    LOG_U64("subscriptions", ended));
	conn_respond(c, to, 200, application_json, text, (size_t)len);
}

/* ---- handlers ------------------------------------------------------------ */

/* True: the list is not served, and the request is rejected. */
static bool reject_unserved(struct conn *c, const struct exchange *x)
{
	struct http_error why;

	if (c->set->cfg.admin_subscriptions)
		return false;
	http_error_set(
		&why, 404, REJECT_NOT_FOUND,
		"subscriptions are not listed here: --admin-listen has an "
		"address that is neither a loopback address nor a Unix "
		"socket; --admin-subscriptions on lists them anyway");
	conn_reject(c, &x->to, &why);
	return true;
}

void subscriptions_handler(struct conn *c, const struct exchange *x)
{
	struct subscriptions_query want;
	struct http_error why;

	if (subscriptions_query_parse(&want, &why, x->request->method,
				      x->query) < 0)
		conn_reject(c, &x->to, &why);
	else if (reject_unserved(c, x))
		return;
	else if (want.is_delete)
		end_all_of_identity(c, &x->to, &want);
	else
		list_subscriptions(c, &x->to, &want);
}

void subscription_handler(struct conn *c, const struct exchange *x)
{
	if (!reject_unserved(c, x))
		respond_subscription(c, x);
}
