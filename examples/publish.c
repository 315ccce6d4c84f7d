/* Publishes to a JetStream stream with the synchronous API of nats.c: every
 * message is acknowledged before the next one is sent. See --help. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <nats/nats.h>

enum {
	MAX_IDS = 64,
	MAX_ID = 128,	    /* bytes, as in the gateway */
	MAX_SUBJECT = 512,  /* with its NUL */
	MAX_LINE = 1 << 20, /* default max_payload of nats-server */
	CLOSE_MS = 5000,
	ANNOUNCE_TICKS = 5, /* intervals from one announcement to the next */
};

/* The options. */
struct plan {
	const char *server;
	const char *creds; /* NULL: none */
	const char *stream;
	const char *prefix;   /* of the subject, before {id} */
	const char *suffix;   /* after it */
	const char *announce; /* subject; NULL: no announcements */
	const char *ids[MAX_IDS];
	size_t n_ids;
	uint64_t tick_ms; /* 0: lines of standard input */
};

struct publisher {
	const struct plan *plan;
	natsConnection *conn;
	jsCtx *js;
	int signals; /* signalfd of SIGINT and SIGTERM */
	uint64_t sent;
	uint64_t last_seq;
};

static const char help[] =
	"Usage: publish [OPTION]...\n\n"
	"Publishes events to a JetStream stream, which is created if needed, "
	"and waits\nfor the acknowledgement of each. Without --tick "
	"the events are the lines\nof standard input: \"ID TEXT\", or with "
	"--id the whole line for each of the IDs.\n\n"
	"  --server URL        NATS server; default $NATS_URL, else\n"
	"                      nats://127.0.0.1:4222\n"
	"  --creds FILE        user credentials\n"
	"  --stream NAME       default Events\n"
	"  --subject TEMPLATE  subject of an ID's events; default events.{id}\n"
	"  --id ID             identity of the events; repeatable\n"
	"  --tick INTERVAL     one JSON event for each --id every interval, "
	"such as\n                      250ms, 1s, 5m\n"
	"  --announce SUBJECT  with --tick: one event for all, every fifth "
	"interval\n"
	"  --help              print this text\n\n"
	"Ends at the end of its input, or with SIGINT or SIGTERM. Exit "
	"status: 0 when all\nevents are stored, 2 for a wrong option, 1 "
	"for anything else.\n";

/* Always 1, the exit status. */
__attribute__((format(printf, 1, 2))) static int fail(const char *fmt, ...)
{
	va_list ap;

	fputs("publish: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return 1;
}

/* ---- options ------------------------------------------------------------- */

/* One token of a subject. nats.c sends what it is given: a subject with a blank
 * or a line end in it would be another command to the server. Without quotes
 * and backslashes it goes into JSON as it is. */
static bool token_ok(const char *token, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (token[i] < 33 || token[i] > 126 ||
		    strchr(".*>\"\\", token[i]) != NULL)
			return false;
	return len > 0 && len <= MAX_ID;
}

static bool subject_ok(const char *subject)
{
	size_t len;

	for (const char *token = subject;; token += len + 1) {
		len = strcspn(token, ".");
		if (!token_ok(token, len))
			return false;
		if (token[len] == '\0')
			return strlen(subject) <= MAX_SUBJECT - MAX_ID;
	}
}

/* Cuts the template in two at {id}, in place. */
static bool take_subject(struct plan *plan, char *template)
{
	char *id = strstr(template, "{id}");

	if (id == NULL || !subject_ok(template))
		return false;
	plan->prefix = template;
	plan->suffix = id + strlen("{id}");
	if ((id != template && id[-1] != '.') ||
	    (*plan->suffix != '\0' && *plan->suffix != '.') ||
	    strstr(plan->suffix, "{id}") != NULL)
		return false;
	*id = '\0';
	return true;
}

/* "250ms", "1s", "5m", "1h"; 0 for anything else. */
static uint64_t duration_ms(const char *text)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || n > 1000000)
		return 0;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(end, units[i].name) == 0)
			return n * units[i].ms;
	return 0;
}

/* What is wrong with the value, or NULL. */
static const char *take_option(struct plan *plan, int option, char *value)
{
	switch (option) {
	case 's':
		plan->server = value;
		return NULL;
	case 'c':
		plan->creds = value;
		return NULL;
	case 'n':
		plan->stream = value;
		return token_ok(value, strlen(value)) ? NULL
						      : "a stream's name";
	case 't':
		return take_subject(plan, value)
			       ? NULL
			       : "a subject with {id} once, as a whole token, "
				 "and no wildcard";
	case 'a':
		plan->announce = value;
		return subject_ok(value) ? NULL : "a subject without wildcards";
	case 'k':
		plan->tick_ms = duration_ms(value);
		return plan->tick_ms > 0 ? NULL : "an interval such as 1s";
	default:
		if (plan->n_ids == MAX_IDS)
			return "at most 64 IDs";
		plan->ids[plan->n_ids++] = value;
		return token_ok(value, strlen(value))
			       ? NULL
			       : "1 to 128 printable ASCII bytes, none of "
				 ".*>\"\\";
	}
}

/* 0: go on; else the exit status, negative for a good one. */
static int parse(struct plan *plan, int argc, char *argv[])
{
	static const struct option options[] = {
		{"server", required_argument, NULL, 's'},
		{"creds", required_argument, NULL, 'c'},
		{"stream", required_argument, NULL, 'n'},
		{"subject", required_argument, NULL, 't'},
		{"id", required_argument, NULL, 'i'},
		{"tick", required_argument, NULL, 'k'},
		{"announce", required_argument, NULL, 'a'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option, at;

	while ((option = getopt_long(argc, argv, "", options, &at)) != -1) {
		const char *takes;

		if (option == 'h')
			return fputs(help, stdout) < 0 ? 1 : -1;
		if (option == '?') /* getopt has said what */
			return 2;
		takes = take_option(plan, option, optarg);
		if (takes != NULL) {
			fail("--%s: wrong value \"%s\"; takes %s",
			     options[at].name, optarg, takes);
			return 2;
		}
	}
	if (optind < argc) {
		fail("unexpected argument \"%s\"; --help tells all",
		     argv[optind]);
		return 2;
	}
	if (plan->tick_ms > 0 && plan->n_ids == 0) {
		fail("--tick: needs an --id too");
		return 2;
	}
	if (plan->tick_ms == 0 && plan->announce != NULL) {
		fail("--announce: needs --tick too");
		return 2;
	}
	return 0;
}

/* ---- NATS ---------------------------------------------------------------- */

/* A URL may hold a password before its '@'. */
static const char *shown(const char *url)
{
	const char *at = strrchr(url, '@');

	return at == NULL ? url : at + 1;
}

static int fail_nats(natsStatus rc, const char *what, const char *which)
{
	const char *more = nats_GetLastError(NULL);

	if (rc == NATS_NO_RESPONDERS)
		more = "no stream takes it, or the server has no JetStream";
	return fail("%s %s: %s%s%s", what, which, natsStatus_GetText(rc),
		    more == NULL ? "" : ": ", more == NULL ? "" : more);
}

static int open_connection(struct publisher *p)
{
	const struct plan *plan = p->plan;
	natsOptions *options = NULL;
	natsStatus rc = natsOptions_Create(&options);

	if (rc == NATS_OK)
		rc = natsOptions_SetURL(options, plan->server);
	if (rc == NATS_OK && plan->creds != NULL)
		rc = natsOptions_SetUserCredentialsFromFiles(options,
							     plan->creds, NULL);
	if (rc == NATS_OK)
		rc = natsConnection_Connect(&p->conn, options);
	natsOptions_Destroy(options);
	if (rc == NATS_OK)
		rc = natsConnection_JetStream(&p->js, p->conn, NULL);
	return rc == NATS_OK ? 0
			     : fail_nats(rc, "connect to", shown(plan->server));
}

/* One that is there is taken as it is. */
static int make_stream(struct publisher *p)
{
	const struct plan *plan = p->plan;
	char subject[MAX_SUBJECT];
	const char *subjects[] = {subject, plan->announce};
	jsStreamInfo *info = NULL;
	jsStreamConfig config;
	natsStatus rc =
		js_GetStreamInfo(&info, p->js, plan->stream, NULL, NULL);

	jsStreamInfo_Destroy(info);
	if (rc != NATS_NOT_FOUND)
		return rc == NATS_OK ? 0
				     : fail_nats(rc, "stream", plan->stream);
	snprintf(subject, sizeof(subject), "%s*%s", plan->prefix, plan->suffix);
	jsStreamConfig_Init(&config);
	config.Name = plan->stream;
	config.Subjects = subjects;
	config.SubjectsLen = plan->announce != NULL ? 2 : 1;
	config.Retention = js_LimitsPolicy;
	rc = js_AddStream(NULL, p->js, &config, NULL, NULL);
	if (rc != NATS_OK)
		return fail_nats(rc, "make stream", plan->stream);
	fprintf(stderr, "publish: created stream %s of %s%s%s\n", plan->stream,
		subject, plan->announce != NULL ? " and " : "",
		plan->announce != NULL ? plan->announce : "");
	return 0;
}

/* `type`: value of the header Type; NULL for none. */
static int publish_to(struct publisher *p, const char *subject,
		      const char *type, const char *text, size_t len)
{
	jsPubOptions options;
	jsPubAck *ack = NULL;
	natsMsg *msg = NULL;
	natsStatus rc = natsMsg_Create(&msg, subject, NULL, text, (int)len);

	if (rc == NATS_OK && type != NULL)
		rc = natsMsgHeader_Set(msg, "Type", type);
	jsPubOptions_Init(&options);
	options.ExpectStream = p->plan->stream;
	if (rc == NATS_OK)
		rc = js_PublishMsg(&ack, p->js, msg, &options, NULL);
	natsMsg_Destroy(msg);
	if (rc != NATS_OK)
		return fail_nats(rc, "publish to", subject);
	p->sent++;
	p->last_seq = ack->Sequence;
	jsPubAck_Destroy(ack);
	return 0;
}

static int publish_for(struct publisher *p, const char *id, size_t id_len,
		       const char *type, const char *text, size_t len)
{
	char subject[MAX_SUBJECT];

	snprintf(subject, sizeof(subject), "%s%.*s%s", p->plan->prefix,
		 (int)id_len, id, p->plan->suffix);
	return publish_to(p, subject, type, text, len);
}

static void close_connection(struct publisher *p)
{
	jsCtx_Destroy(p->js);
	natsConnection_Destroy(p->conn);
	nats_CloseAndWait(CLOSE_MS);
}

/* ---- what is published --------------------------------------------------- */

enum heard { HEARD_NOTHING, HEARD_INPUT, HEARD_SIGNAL };

/* Waits for a signal and, unless it is -1, for something to read at `fd`. */
static enum heard wait_for(struct publisher *p, int fd, int timeout_ms)
{
	struct pollfd fds[] = {{.fd = p->signals, .events = POLLIN},
			       {.fd = fd, .events = POLLIN}};

	while (poll(fds, 2, timeout_ms) < 0 && errno == EINTR)
		;
	if (fds[0].revents != 0)
		return HEARD_SIGNAL;
	return fds[1].revents != 0 ? HEARD_INPUT : HEARD_NOTHING;
}

static int publish_line(struct publisher *p, const char *line, size_t len)
{
	const struct plan *plan = p->plan;
	const char *blank = memchr(line, ' ', len);
	size_t id_len = blank == NULL ? len : (size_t)(blank - line);
	size_t skip = blank == NULL ? len : id_len + 1;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < plan->n_ids; i++)
		rc = publish_for(p, plan->ids[i], strlen(plan->ids[i]), NULL,
				 line, len);
	if (plan->n_ids > 0)
		return rc;
	if (!token_ok(line, id_len))
		return fail("\"%.*s\" is no ID (line %" PRIu64 ")",
			    (int)(id_len < MAX_ID ? id_len : MAX_ID), line,
			    p->sent + 1);
	return publish_for(p, line, id_len, NULL, line + skip, len - skip);
}

/* Publishes the whole lines of `text`; *used: their bytes. */
static int publish_lines(struct publisher *p, const char *text, size_t len,
			 size_t *used)
{
	const char *end;
	int rc = 0;

	*used = 0;
	while (rc == 0 && wait_for(p, -1, 0) != HEARD_SIGNAL &&
	       (end = memchr(text + *used, '\n', len - *used)) != NULL) {
		size_t line = (size_t)(end - text) - *used;

		rc = publish_line(p, text + *used, line);
		*used += line + 1;
	}
	return rc;
}

static int publish_input(struct publisher *p)
{
	static char text[MAX_LINE];
	size_t len = 0, used;
	int rc = 0;

	while (rc == 0 && wait_for(p, STDIN_FILENO, -1) == HEARD_INPUT) {
		ssize_t n = read(STDIN_FILENO, text + len, sizeof(text) - len);

		if (n < 0)
			return fail("standard input: %s", strerror(errno));
		if (n == 0) /* what has no line end is a line too */
			return len > 0 ? publish_line(p, text, len) : 0;
		len += (size_t)n;
		rc = publish_lines(p, text, len, &used);
		len -= used;
		memmove(text, text + used, len);
		if (len == sizeof(text))
			return fail("a line has over %d bytes", MAX_LINE);
	}
	return rc;
}

static uint64_t clock_ms(clockid_t clock, struct timespec *ts)
{
	clock_gettime(clock, ts);
	return (uint64_t)ts->tv_sec * 1000 + (uint64_t)ts->tv_nsec / 1000000;
}

/* {"n": 17, "for": "alice", "time": "2026-11-24T10:00:00.123Z"} */
static size_t write_tick(char *text, size_t size, const char *id, uint64_t n)
{
	char when[32];
	struct timespec now;
	struct tm tm;
	uint64_t ms = clock_ms(CLOCK_REALTIME, &now) % 1000;

	strftime(when, sizeof(when), "%FT%T", gmtime_r(&now.tv_sec, &tm));
	return (size_t)snprintf(text, size,
				"{\"n\": %" PRIu64 ", \"for\": \"%s\", "
				"\"time\": \"%s.%03" PRIu64 "Z\"}",
				n, id, when, ms);
}

static int publish_tick(struct publisher *p, uint64_t n)
{
	const struct plan *plan = p->plan;
	char text[MAX_ID + 128];
	size_t len;
	int rc = 0;

	if (plan->announce != NULL && n % ANNOUNCE_TICKS == 1) {
		len = write_tick(text, sizeof(text), "all", n);
		rc = publish_to(p, plan->announce, "announcement", text, len);
	}
	for (size_t i = 0; i < plan->n_ids && rc == 0; i++) {
		const char *id = plan->ids[i];

		len = write_tick(text, sizeof(text), id, n);
		rc = publish_for(p, id, strlen(id), "tick", text, len);
	}
	return rc;
}

static int publish_ticks(struct publisher *p)
{
	const struct plan *plan = p->plan;
	struct timespec ts;
	uint64_t now, due = clock_ms(CLOCK_MONOTONIC, &ts);

	for (uint64_t n = 1;; n++) {
		if (publish_tick(p, n) != 0)
			return 1;
		/* What took longer than the interval is not made up for. */
		now = clock_ms(CLOCK_MONOTONIC, &ts);
		due = due + plan->tick_ms > now ? due + plan->tick_ms : now;
		if (wait_for(p, -1, (int)(due - now)) == HEARD_SIGNAL)
			return 0;
	}
}

/* ---- main ---------------------------------------------------------------- */

/* Before the library starts its threads, which take the mask over: so both
 * signals come to poll() alone. */
static int catch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static int run(const struct plan *plan)
{
	struct publisher p = {.plan = plan, .signals = catch_signals()};
	int rc;

	if (p.signals < 0)
		return fail("signalfd: %s", strerror(errno));
	rc = open_connection(&p);
	if (rc == 0)
		rc = make_stream(&p);
	if (rc == 0)
		rc = plan->tick_ms > 0 ? publish_ticks(&p) : publish_input(&p);
	if (p.sent > 0)
		fprintf(stderr,
			"publish: sent %" PRIu64 ", the last is number %" PRIu64
			" of stream %s\n",
			p.sent, p.last_seq, plan->stream);
	close_connection(&p);
	close(p.signals);
	return rc;
}

int main(int argc, char *argv[])
{
	const char *url = getenv("NATS_URL");
	struct plan plan = {
		.server = url != NULL && *url != '\0' ? url
						      : "nats://127.0.0.1:4222",
		.stream = "Events",
		.prefix = "events.",
		.suffix = "",
	};
	int rc = parse(&plan, argc, argv);

	if (rc != 0)
		return rc < 0 ? 0 : rc;
	return run(&plan);
}
