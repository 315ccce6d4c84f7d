/* What an operator sees: the list of streams, the lines of the log, the files
 * that they go to, the metrics of all of it. */
#include "e2e.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "test_clock.h"

enum { POLL_MS = 10, WAIT_MS = 30000, PATH_BYTES = 256 };

/* ---- asking -------------------------------------------------------------- */

static json_t *ask(struct e2e *f, const char *method, const char *target,
		   int status)
{
	struct sse_client *c = e2e_client(f);
	char request[512];
	json_t *json;

	snprintf(request, sizeof(request),
		 "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: "
		 "close\r\n\r\n",
		 method, target);
	sse_client_connect(c, f->gw.admin);
	sse_client_send_text(c, request);
	sse_client_wait_reply(c);
	assert_int_equal(c->status, status);
	if (status != 200)
		return NULL;
	sse_client_assert_header(c, "Content-Type", "application/json");
	json = json_loads(bytes_text(&c->body), JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(json);
	return json;
}

static const json_t *entry(const json_t *page, size_t i)
{
	return json_array_get(json_object_get(page, "subscriptions"), i);
}

static size_t entries(const json_t *page)
{
	return json_array_size(json_object_get(page, "subscriptions"));
}

static json_int_t number(const json_t *o, const char *name)
{
	if (!json_is_integer(json_object_get(o, name)))
		fail_msg("%s is no number", name);
	return json_integer_value(json_object_get(o, name));
}

static const char *text(const json_t *o, const char *name)
{
	if (!json_is_string(json_object_get(o, name)))
		fail_msg("%s is no text", name);
	return json_string_value(json_object_get(o, name));
}

/* `other`: the second one, or NULL. */
static void expect_subjects(const json_t *o, const char *first,
			    const char *other)
{
	const json_t *list = json_object_get(o, "subjects");

	assert_int_equal(json_array_size(list), other == NULL ? 1 : 2);
	assert_string_equal(json_string_value(json_array_get(list, 0)), first);
	if (other != NULL)
		assert_string_equal(json_string_value(json_array_get(list, 1)),
				    other);
}

/* ---- the list ------------------------------------------------------------ */

static void who_is_there(void **state)
{
	struct e2e *f = *state;
	struct sse_client *alice;
	uint64_t last;
	json_t *page, *one;
	char target[64];

	e2e_gateway(f, "--allow-sub", "news.>", NULL);
	alice = e2e_open(f, "alice", NULL);
	e2e_open(f, "bob", "deliver=all");
	e2e_open(f, "alice", "subject=news.%3E&subject=events.alice");
	e2e_publish(f, "alice", "one");
	last = e2e_publish(f, "alice", "two");
	e2e_expect(alice, 2, "two");

	page = ask(f, "GET", "/subscriptions", 200);
	assert_int_equal(entries(page), 3);
	assert_true(json_is_null(json_object_get(page, "next")));
	assert_string_equal(text(entry(page, 0), "id"), "alice");
	assert_string_equal(text(entry(page, 1), "id"), "bob");
	expect_subjects(entry(page, 0), "events.alice", NULL);
	expect_subjects(entry(page, 2), "events.alice", "news.>");
	gateway_proc_wait_log(&f->gw, "subjects=\"events.alice news.>\"");
	assert_string_equal(text(entry(page, 0), "state"), "live");
	assert_memory_equal(text(entry(page, 0), "address"), "127.0.0.1", 10);
	assert_int_equal(number(entry(page, 0), "subscription"), 1);
	assert_int_equal(number(entry(page, 2), "subscription"), 3);
	assert_int_equal(number(entry(page, 0), "events"), 2);
	assert_int_equal(number(entry(page, 1), "events"), 0);
	assert_int_equal(number(entry(page, 0), "sequence"), last);
	assert_int_equal(number(entry(page, 1), "sequence"), last);
	assert_int_equal(number(entry(page, 1), "lag"), 0);
	assert_true(number(entry(page, 0), "bytes") >
		    number(entry(page, 1), "bytes"));
	assert_true(json_is_false(json_object_get(entry(page, 0), "slow")));
	snprintf(target, sizeof(target), "/subscriptions/%d",
		 (int)number(entry(page, 1), "subscription"));
	json_decref(page);

	one = ask(f, "GET", target, 200);
	assert_string_equal(text(one, "id"), "bob");
	json_decref(one);
	ask(f, "GET", "/subscriptions/4", 404);

	page = ask(f, "GET", "/subscriptions?id=alice", 200);
	assert_int_equal(entries(page), 2);
	json_decref(page);
	page = ask(f, "GET", "/subscriptions?after=1&id=alice", 200);
	assert_int_equal(entries(page), 1);
	assert_int_equal(number(entry(page, 0), "subscription"), 3);
	json_decref(page);
	page = ask(f, "GET", "/subscriptions?after=2", 200);
	assert_int_equal(entries(page), 1);
	json_decref(page);
	page = ask(f, "GET", "/subscriptions?state=slow", 200);
	assert_int_equal(entries(page), 0);
	json_decref(page);

	page = ask(f, "DELETE", "/subscriptions?id=alice", 200);
	assert_int_equal(number(page, "ended"), 2);
	json_decref(page);
	sse_client_wait_reply(alice);
	assert_true(alice->last_chunk);
	gateway_proc_wait_metric(
		&f->gw, "sluice_subscriptions_closed_total{reason=\"admin\"}",
		2);
	page = ask(f, "GET", "/subscriptions", 200);
	assert_int_equal(entries(page), 1);
	json_decref(page);
}

/* More than a page, of one identity and of others: each once, in order. */
static void pages(void **state)
{
	enum { ALL = 2100 };
	static struct sse_client cs[ALL];
	struct e2e *f = *state;
	json_int_t after = 0, seen = 0, pages_read = 0;

	e2e_gateway(f, NULL);
	for (size_t i = 0; i < ALL; i++) {
		cs[i] = (struct sse_client){.fd = -1};
		sse_client_stream(&cs[i], f->gw.address,
				  i % 2 == 0 ? "even" : "odd", NULL);
	}
	for (int of_one = 0; of_one < 2; of_one++) {
		after = seen = pages_read = 0;
		do {
			char target[80];
			json_t *page;

			snprintf(target, sizeof(target),
				 "/subscriptions?after=%" JSON_INTEGER_FORMAT
				 "%s",
				 after, of_one ? "&id=odd" : "");
			page = ask(f, "GET", target, 200);
			assert_true(entries(page) <= 1000);
			for (size_t i = 0; i < entries(page); i++) {
				json_int_t n =
					number(entry(page, i), "subscription");

				assert_true(n > after);
				if (of_one)
					assert_string_equal(text(entry(page, i),
								 "id"),
							    "odd");
				after = n;
				seen++;
			}
			pages_read++;
			after = json_is_null(json_object_get(page, "next"))
					? 0
					: number(page, "next");
			json_decref(page);
		} while (after != 0);
		assert_int_equal(seen, of_one ? ALL / 2 : ALL);
		assert_int_equal(pages_read, of_one ? 2 : 3);
	}
	for (size_t i = 0; i < ALL; i++)
		sse_client_close(&cs[i]);
}

static bool slow_is_listed(struct e2e *f, json_t **page)
{
	*page = ask(f, "GET", "/subscriptions?state=slow", 200);
	if (entries(*page) > 0)
		return true;
	json_decref(*page);
	return false;
}

/* One that does not read is found by it, and is no longer when it reads on. */
static void who_is_slow(void **state)
{
	enum { MESSAGES = 400, BYTES = 20000 };
	struct e2e *f = *state;
	struct sse_client *slow = e2e_client(f);
	char *payload = malloc(BYTES + 1);
	json_t *page;
	uint64_t end = test_deadline_ms(WAIT_MS);

	e2e_gateway(f, NULL);
	e2e_open(f, "bob", NULL);
	slow->rcvbuf = 4096;
	sse_client_stream(slow, f->gw.address, "alice", NULL);
	sse_client_wait_any_id(slow);
	memset(payload, 'x', BYTES);
	payload[BYTES] = '\0';
	for (int i = 0; i < MESSAGES; i++)
		e2e_publish(f, "alice", payload);
	free(payload);
	while (!slow_is_listed(f, &page)) {
		assert_true(test_now_ms() < end);
		poll(NULL, 0, POLL_MS);
	}
	assert_int_equal(entries(page), 1);
	assert_string_equal(text(entry(page, 0), "id"), "alice");
	assert_true(json_is_true(json_object_get(entry(page, 0), "slow")));
	assert_true(number(entry(page, 0), "lag") > 0);
	assert_true(number(entry(page, 0), "unsent_bytes") > 0);
	json_decref(page);
	gateway_proc_wait_metric(&f->gw, "sluice_subscriptions_slow", 1);
	sse_client_wait_message(slow, MESSAGES);
	gateway_proc_wait_metric(&f->gw, "sluice_subscriptions_slow", 0);
	assert_false(slow_is_listed(f, &page));
}

/* Ends without a subscription: a drain waits for the last. */
static void stop_gateway(struct e2e *f)
{
	for (size_t i = 0; i < f->n_clients; i++)
		sse_client_close(f->clients[i]);
	gateway_proc_wait_metric(&f->gw, "sluice_subscriptions", 0);
	gateway_proc_stop(&f->gw);
}

/* ---- the access log ------------------------------------------------------ */

static char *in_home(struct e2e *f, const char *name, char *out)
{
	snprintf(out, PATH_BYTES, "%s/%s", gateway_proc_home(&f->gw), name);
	return out;
}

static char *read_file(const char *path)
{
	char *all = NULL;
	size_t cap = 0;
	FILE *in = fopen(path, "r");

	if (in == NULL)
		return NULL;
	if (getdelim(&all, &cap, '\0', in) < 0) {
		free(all);
		all = NULL;
	}
	fclose(in);
	return all;
}

/* Until the file has this; all of it, to free(). */
static char *wait_in_file(const char *path, const char *words)
{
	uint64_t end = test_deadline_ms(WAIT_MS);

	for (;;) {
		char *all = read_file(path);

		if (all != NULL && strstr(all, words) != NULL)
			return all;
		if (test_now_ms() > end)
			fail_msg("\"%s\" does not come into %s", words, path);
		free(all);
		poll(NULL, 0, POLL_MS);
	}
}

static size_t count(const char *all, const char *words)
{
	size_t n = 0;

	for (; (all = strstr(all, words)) != NULL; all++)
		n++;
	return n;
}

static void must_have(const char *all, const char *words)
{
	if (all == NULL || strstr(all, words) == NULL)
		fail_msg("\"%s\" is not in:\n%s", words,
			 all == NULL ? "" : all);
}

/* By default they stand in the log, with the others. */
static void a_stream_has_two_lines(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;
	char *log;

	e2e_gateway(f, NULL);
	c = e2e_open(f, "alice", "deliver=all");
	e2e_publish(f, "alice", "one");
	e2e_expect(c, 1, "one");
	sse_client_close(c);
	gateway_proc_wait_log(&f->gw, "msg=\"subscription closed\"");
	log = gateway_proc_log(&f->gw);
	must_have(log, "level=info msg=\"subscription opened\" subscription=1 "
		       "id=alice "
		       "address=127.0.0.1 ");
	must_have(log, " start=all\n");
	must_have(log, "msg=\"subscription closed\" reason=client_closed "
		       "subscription=1 "
		       "id=alice address=127.0.0.1 ");
	must_have(log, " events=1 bytes=");
	must_have(log, " sequence=1\n");
	free(log);
}

static void a_file_of_its_own(void **state)
{
	struct e2e *f = *state;
	char path[PATH_BYTES], moved[PATH_BYTES];
	char *all;

	in_home(f, "access.log", path);
	in_home(f, "access.log.1", moved);
	e2e_gateway(f, "--access-log", path, NULL);
	e2e_open(f, "alice", NULL);
	free(wait_in_file(path, "id=alice"));
	assert_int_equal(e2e_count_in_log(f, "subscription opened"), 0);

	/* As logrotate does. */
	assert_int_equal(rename(path, moved), 0);
	e2e_open(f, "bob", NULL);
	free(wait_in_file(moved, "id=bob"));
	assert_int_equal(access(path, F_OK), -1);
	gateway_proc_signal(&f->gw, SIGHUP);
	while (access(path, F_OK) != 0)
		poll(NULL, 0, POLL_MS);
	e2e_open(f, "carol", NULL);
	all = wait_in_file(path, "id=carol");
	assert_null(strstr(all, "bob"));
	assert_int_equal(count(all, "\n"), 1);
	free(all);
	stop_gateway(f);
	all = read_file(path);
	assert_int_equal(count(all,
			       "\"subscription closed\" reason=client_closed"),
			 3);
	free(all);
	unlink(path);
	unlink(moved);
}

static void none_at_all(void **state)
{
	struct e2e *f = *state;

	e2e_gateway(f, "--access-log", "off", NULL);
	e2e_expect_marker(f, e2e_open(f, "alice", NULL), "alice", 1);
	gateway_proc_wait_metric(&f->gw, "sluice_subscriptions_opened_total",
				 1);
	stop_gateway(f);
	assert_int_equal(e2e_count_in_log(f, "subscription opened"), 0);
	assert_int_equal(e2e_count_in_log(f, "subscription closed"), 0);
	assert_true(e2e_count_in_log(f, "connected to NATS") > 0);
}

/* A SIGHUP that finds no place goes on with the old file; a disk that is full
 * costs lines, and nothing else. */
static void files_that_fail(void **state)
{
	struct e2e *f = *state;
	char folder[PATH_BYTES], path[PATH_BYTES], moved[PATH_BYTES];

	in_home(f, "logs", folder);
	in_home(f, "logs/access.log", path);
	in_home(f, "moved", moved);
	assert_int_equal(mkdir(folder, 0700), 0);
	e2e_gateway(f, "--access-log", path, NULL);
	assert_int_equal(rename(folder, moved), 0);
	gateway_proc_signal(&f->gw, SIGHUP);
	gateway_proc_wait_log(&f->gw, "cannot reopen the access log");
	e2e_open(f, "alice", NULL);
	in_home(f, "moved/access.log", path);
	free(wait_in_file(path, "id=alice"));
	stop_gateway(f);
	unlink(path);
	rmdir(moved);

	e2e_gateway(f, "--access-log", "/dev/full", NULL);
	e2e_expect_marker(f, e2e_open(f, "bob", NULL), "bob", 1);
	gateway_proc_wait_metric(&f->gw, "sluice_log_lines_lost_total", 1);
	stop_gateway(f);

	gateway_proc_finish(&f->gw);
	in_home(f, "nowhere/access.log", path);
	gateway_proc_spawn(&f->gw, (const char *[]){"--access-log", path, NULL},
			   NULL);
	assert_int_equal(gateway_proc_wait_exit(&f->gw, WAIT_MS), 1);
	assert_int_equal(e2e_count_in_log(f, "--access-log: "), 1);
	assert_int_equal(e2e_count_in_log(f, "No such file"), 1);
}

/* ---- the log ------------------------------------------------------------- */

/* Every line is one of ours, whatever clients send. */
static void nobody_forges_a_line(void **state)
{
	static const char *const ids[] = {
		"x\"level=error",
		"x\\\"",
		"x=y",
		"\\n\\nlevel=error",
	};
	static const char *const requests[] = {
		"GET /api/v1/events?deliver=%0Atime=1%20level=error "
		"HTTP/1.1\r\n"
		"Host: h\r\nuser_id: a\r\nConnection: close\r\n\r\n",
		"GET /x%0Atime=1\"level=error HTTP/1.1\r\nHost: h\r\n"
		"Connection: close\r\n\r\n",
		"GET /api/v1/events HTTP/1.1\r\nHost: h\r\n"
		"user_id: a\xe2\x80\xa8level=error\r\nConnection: "
		"close\r\n\r\n",
	};
	struct e2e *f = *state;
	char *log, *line, *rest;

	e2e_gateway(f, NULL);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct sse_client *c = e2e_client(f);

		sse_client_stream(c, f->gw.address, ids[i], NULL);
	}
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		assert_int_not_equal(e2e_ask(f, requests[i])->status, 200);
	stop_gateway(f);
	assert_int_equal(e2e_count_in_log(f, "msg=\"subscription opened\""), 4);
	assert_int_equal(e2e_count_in_log(f, "msg=\"request rejected\""), 3);
	log = gateway_proc_log(&f->gw);
	for (line = strtok_r(log, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		bool quoted = false;

		if (strncmp(line, "time=20", 7) != 0)
			fail_msg("whose line is this: %s", line);
		for (const char *at = line; *at != '\0'; at++) {
			assert_true(*at >= 0x20 && *at <= 0x7e);
			if (*at == '\\')
				at++;
			else if (*at == '"')
				quoted = !quoted;
			else if (!quoted &&
				 strncmp(at, " level=error", 12) == 0)
				fail_msg("forged: %s", line);
		}
		assert_false(quoted);
	}
	free(log);
}

/* Many of them become one line with their number. */
static void refusals_are_told_at_a_bounded_rate(void **state)
{
	enum { REQUESTS = 200 };
	struct e2e *f = *state;
	struct sse_client *c = e2e_client(f);
	int told;

	e2e_gateway(f, NULL);
	sse_client_connect(c, f->gw.address);
	for (int i = 0; i < REQUESTS; i++)
		sse_client_send_text(c, "GET /no HTTP/1.1\r\nHost: h\r\n\r\n");
	gateway_proc_wait_metric(
		&f->gw, "sluice_requests_rejected_total{reason=\"not_found\"}",
		REQUESTS);
	gateway_proc_wait_log(&f->gw, "msg=\"more requests were rejected\"");
	told = e2e_count_in_log(f, "msg=\"request rejected\"");
	assert_in_range(told, 10, REQUESTS / 2);
	assert_true(e2e_count_in_log(f, " reason=not_found\n") > 0);
}

static void settings_have_their_sources(void **state)
{
	struct e2e *f = *state;
	char *log;

	e2e_gateway(f, "--retry", "2s", NULL);
	log = gateway_proc_log(&f->gw);
	must_have(log, "msg=setting name=retry value=2s from=--retry\n");
	must_have(log, "msg=setting name=listen value=127.0.0.1:0 "
		       "from=--listen\n");
	assert_null(strstr(log, "name=ping-interval"));
	free(log);
	stop_gateway(f);
	gateway_proc_finish(&f->gw);

	gateway_proc_spawn(&f->gw,
			   (const char *[]){"--listen", "127.0.0.1:0",
					    "--admin-listen", "127.0.0.1:0",
					    "--server",
					    "nats://u:pw@127.0.0.1:1",
					    "--drain-delay", "0s", NULL},
			   (const char *[]){"SLUICE_RETRY=4s", NULL});
	gateway_proc_wait_listening(&f->gw);
	log = gateway_proc_log(&f->gw);
	must_have(log, "name=retry value=4s from=SLUICE_RETRY\n");
	must_have(log, "name=server ");
	assert_null(strstr(log, "pw@"));
	free(log);
}

/* No warning for other settings; nor for a port that was named. */
static void a_port_of_chance_is_told(void **state)
{
	struct e2e *f = *state;
	char public[128], admin[128];

	e2e_gateway(f, "--log-level", "error", NULL);
	assert_int_equal(e2e_count_in_log(f, "msg=listening address="), 2);
	assert_int_equal(e2e_count_in_log(f, "level=info"), 2);
	snprintf(public, sizeof(public), "%s", f->gw.address);
	snprintf(admin, sizeof(admin), "%s", f->gw.admin);
	gateway_proc_stop(&f->gw);
	gateway_proc_spawn(&f->gw,
			   (const char *[]){"--listen", public,
					    "--admin-listen", admin, "--server",
					    f->nats.url, "--log-level", "error",
					    "--drain-delay", "0s", NULL},
			   NULL);
	gateway_proc_wait_ready(&f->gw);
	assert_int_equal(e2e_count_in_log(f, "="), 0);
}

/* ---- metrics ------------------------------------------------------------- */

/* What is old when it is asked for says nothing of how fast the gateway is. */
static void only_live_events_have_a_latency(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	e2e_publish_many(f, "alice", "old", 20);
	e2e_gateway(f, NULL);
	c = e2e_open(f, "alice", "deliver=all");
	e2e_expect_many(c, 0, "old", 20);
	assert_true(gateway_proc_metric(&f->gw,
					"sluice_event_latency_seconds_count") ==
		    0);
	/* It follows once it has met the log. */
	gateway_proc_wait_metric(&f->gw, "sluice_subscriptions{state=\"live\"}",
				 1);
	e2e_publish(f, "alice", "live");
	e2e_expect(c, 21, "live");
	gateway_proc_wait_metric(&f->gw, "sluice_event_latency_seconds_count",
				 1);
	/* From the log, and old. */
	c = e2e_resume(f, "alice", e2e_id(20, sse_client_last_id(c)));
	e2e_expect(c, 1, "live");
	assert_true(gateway_proc_metric(&f->gw,
					"sluice_event_latency_seconds_count") ==
		    1);
	assert_true(gateway_proc_metric(
			    &f->gw,
			    "sluice_event_latency_seconds_bucket{le=\"10\"}") ==
		    1);
	assert_true(
		gateway_proc_metric(&f->gw,
				    "sluice_replay_duration_seconds_count") ==
		1);
	assert_true(gateway_proc_metric(
			    &f->gw,
			    "sluice_jetstream_api_round_trip_seconds_count") >=
		    3);
}

static void the_process_is_measured(void **state)
{
	struct e2e *f = *state;
	const struct gateway_proc *gw = &f->gw;
	enum { CPU_ASKED = 2000 };
	double rss, fds;

	e2e_gateway(f, NULL);
	e2e_open(f, "alice", NULL);
	rss = gateway_proc_metric(gw, "process_resident_memory_bytes") / 1024;
	assert_true(rss > 0.5 * (double)gateway_proc_rss_kib(gw) &&
		    rss < 2 * (double)gateway_proc_rss_kib(gw));
	fds = gateway_proc_metric(gw, "process_open_fds");
	assert_true(fds >= (double)gateway_proc_fds(gw) - 2 &&
		    fds <= (double)gateway_proc_fds(gw) + 4);
	assert_true(gateway_proc_metric(gw, "process_max_fds") > fds);
	assert_true(gateway_proc_metric(gw, "process_virtual_memory_bytes") >
		    rss * 1024);
	/* It counts in ticks of the kernel, and asking makes it work. */
	for (int i = 0; i < CPU_ASKED; i++)
		if (gateway_proc_metric(gw, "process_cpu_seconds_total") > 0)
			break;
	assert_true(gateway_proc_metric(gw, "process_cpu_seconds_total") > 0);
	assert_true(gateway_proc_metric(gw, "process_start_time_seconds") >
		    1.6e9);
	assert_true(gateway_proc_metric(gw, "sluice_ready") == 1);
	assert_true(gateway_proc_metric(gw, "sluice_loop_lag_seconds_count") >
		    0);
	assert_true(gateway_proc_metric(
			    gw, "sluice_tail_pull_outstanding_messages") > 0);
	assert_true(gateway_proc_metric(gw, "sluice_tail_pulls_total") > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		E2E_TEST(who_is_there),
		E2E_TEST(pages),
		E2E_TEST(who_is_slow),
		E2E_TEST(a_stream_has_two_lines),
		E2E_TEST(a_file_of_its_own),
		E2E_TEST(none_at_all),
		E2E_TEST(files_that_fail),
		E2E_TEST(nobody_forges_a_line),
		E2E_TEST(refusals_are_told_at_a_bounded_rate),
		E2E_TEST(settings_have_their_sources),
		E2E_TEST(a_port_of_chance_is_told),
		E2E_TEST(only_live_events_have_a_latency),
		E2E_TEST(the_process_is_measured),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
