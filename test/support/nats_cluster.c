#include "nats_cluster.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <jansson.h>
#include <nats/nats.h>

#include <cmocka.h>

#include "test_clock.h"

/* Each node has a route of its own to each other one, through a proxy for this
 * pair. Servers also tell each other of routes, and would go around the
 * proxies: so what they advertise is an address where no server listens. To cut
 * a node off is to freeze the four proxies to and from it. What they hold is
 * lost, or it would come after the healing: publishes, too, to a leader that is
 * none. */

enum {
	NODES = NATS_CLUSTER_NODES,
	WAIT_MS = 60000,
	POLL_MS = 50,
	ANSWER_MS = 1000,
	CONFIG_MAX = 1024,
	/* Where the kernel takes no ports for connections: a node that is down
	 * finds its own free when it comes back. */
	PORT_MIN = 20000,
	PORT_MAX = 30000,
};

static const json_int_t heard_ns = 2000000000;

#define NOWHERE "127.0.0.1:1"

/* ---- start --------------------------------------------------------------- */

static bool port_is_free(int port)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

/* Another one each time, and in each process. */
static int next_port(void)
{
	static int port;

	if (port == 0)
		port = PORT_MIN + (int)getpid() * 37 % (PORT_MAX - PORT_MIN);
	for (int i = PORT_MIN; i < PORT_MAX; i++) {
		port = port + 1 < PORT_MAX ? port + 1 : PORT_MIN;
		if (port_is_free(port))
			return port;
	}
	fail_msg("no port is free");
	return 0;
}

static void start_routes(struct nats_cluster *c, const int ports[NODES])
{
	for (int i = 0; i < NODES; i++) {
		for (int j = 0; j < NODES; j++) {
			char to[32];

			snprintf(to, sizeof(to), "127.0.0.1:%d", ports[j]);
			if (i != j)
				fault_proxy_start(&c->routes[i][j], to);
		}
	}
}

static void spawn_node(struct nats_cluster *c, int node, int cluster_port)
{
	const struct fault_proxy *a = &c->routes[node][(node + 1) % NODES];
	const struct fault_proxy *b = &c->routes[node][(node + 2) % NODES];
	char config[CONFIG_MAX];

	snprintf(config, sizeof(config),
		 "server_name: n%d\n"
		 "cluster {\n"
		 "  name: test\n"
		 "  listen: \"127.0.0.1:%d\"\n"
		 "  advertise: \"" NOWHERE "\"\n"
		 "  no_advertise: true\n"
		 "%s"
		 "  routes: [\"%s\", \"%s\"]\n"
		 "}\n",
		 node, cluster_port,
		 nats_server_installed() < 21000 ? "" : "  pool_size: -1\n",
		 a->url, b->url);
	nats_server_prepare(&c->nodes[node], next_port(), config);
	nats_server_spawn(&c->nodes[node]);
}

static void wait_node(struct nats_cluster *c, int node);
static void wait_meta_leader(struct nats_cluster *c);

void nats_cluster_start(struct nats_cluster *c)
{
	int ports[NODES];

	*c = (struct nats_cluster){0};
	for (int i = 0; i < NODES; i++)
		ports[i] = next_port();
	start_routes(c, ports);
	for (int i = 0; i < NODES; i++)
		spawn_node(c, i, ports[i]);
	for (int i = 0; i < NODES; i++)
		wait_node(c, i);
	wait_meta_leader(c);
	snprintf(c->urls, sizeof(c->urls), "%s,%s,%s", c->nodes[0].url,
		 c->nodes[1].url, c->nodes[2].url);
}

void nats_cluster_stop(struct nats_cluster *c)
{
	for (int i = 0; i < NODES; i++)
		nats_server_stop(&c->nodes[i]);
	for (int i = 0; i < NODES; i++) {
		for (int j = 0; j < NODES; j++)
			fault_proxy_stop(&c->routes[i][j]);
	}
	*c = (struct nats_cluster){0};
}

/* ---- faults -------------------------------------------------------------- */

void nats_cluster_kill(struct nats_cluster *c, int node, int sig)
{
	nats_server_kill(&c->nodes[node], sig);
}

void nats_cluster_again(struct nats_cluster *c, int node)
{
	nats_server_spawn(&c->nodes[node]);
	wait_node(c, node);
}

static void freeze(struct fault_proxy *p)
{
	fault_proxy_rule(p, FAULT_BOTH, &(struct fault_rule){.frozen = true});
}

static void thaw(struct fault_proxy *p)
{
	fault_proxy_end(p, FAULT_RST);
	fault_proxy_rule(p, FAULT_BOTH, NULL);
}

static void each_route_of(struct nats_cluster *c, int node,
			  void (*doing)(struct fault_proxy *p))
{
	for (int i = 0; i < NODES; i++) {
		if (i == node)
			continue;
		doing(&c->routes[i][node]);
		doing(&c->routes[node][i]);
	}
}

void nats_cluster_cut(struct nats_cluster *c, int node)
{
	c->cut[node] = true;
	each_route_of(c, node, freeze);
}

void nats_cluster_heal(struct nats_cluster *c, int node)
{
	each_route_of(c, node, thaw);
	c->cut[node] = false;
}

/* ---- questions ----------------------------------------------------------- */

/* NULL: no server listens there. */
/* Why nothing came of the last question that nothing came of. */
static char trouble[256];

static void note_trouble(const struct nats_server *s, const char *what)
{
	snprintf(trouble, sizeof(trouble), "%s: %s", s->url, what);
}

/* An answer without an error, to json_decref(); else NULL. */
static json_t *ask_node(const struct nats_server *s, const char *subject,
			const char *body)
{
	natsConnection *conn =
		s->pid == 0 ? NULL : nats_server_dial(s->url, ANSWER_MS);
	natsMsg *msg = NULL;
	json_t *json = NULL, *error;

	if (conn != NULL &&
	    natsConnection_RequestString(&msg, conn, subject, body,
					 ANSWER_MS) == NATS_OK)
		json = json_loadb(natsMsg_GetData(msg),
				  (size_t)natsMsg_GetDataLength(msg), 0, NULL);
	else
		note_trouble(s, "no answer");
	error = json_object_get(json, "error");
	if (error != NULL) {
		note_trouble(s, json_string_value(
					json_object_get(error, "description")));
		json_decref(json);
		json = NULL;
	}
	natsMsg_Destroy(msg);
	natsConnection_Destroy(conn);
	return json;
}

/* Of one that runs and is not cut off. */
static json_t *ask(struct nats_cluster *c, const char *what, const char *stream,
		   const char *body)
{
	char subject[256];
	json_t *json = NULL;

	snprintf(subject, sizeof(subject), "$JS.API.%s%s%s", what,
		 stream == NULL ? "" : ".", stream == NULL ? "" : stream);
	for (int i = 0; i < NODES && json == NULL; i++) {
		if (!c->cut[i])
			json = ask_node(&c->nodes[i], subject, body);
	}
	return json;
}

static void pause_or_fail(uint64_t deadline_ms, const char *what)
{
	if (test_now_ms() > deadline_ms)
		fail_msg("the cluster: %s, after %d s; last trouble: %s", what,
			 WAIT_MS / 1000, trouble);
	poll(NULL, 0, POLL_MS);
}

/* It takes clients; whether the cluster has a leader is another question. */
static void wait_node(struct nats_cluster *c, int node)
{
	struct nats_server *s = &c->nodes[node];
	uint64_t deadline = test_deadline_ms(WAIT_MS);
	natsConnection *conn;

	snprintf(s->url, sizeof(s->url), "nats://127.0.0.1:%d", s->port);
	while ((conn = nats_server_dial(s->url, ANSWER_MS)) == NULL)
		pause_or_fail(deadline, "a node does not listen");
	natsConnection_Destroy(conn);
}

static void wait_meta_leader(struct nats_cluster *c)
{
	uint64_t deadline = test_deadline_ms(WAIT_MS);
	json_t *json;

	while ((json = ask(c, "INFO", NULL, "")) == NULL)
		pause_or_fail(deadline, "there is no leader");
	json_decref(json);
}

/* "n2" -> 2 */
static int leader_in(const json_t *info)
{
	const json_t *cluster = json_object_get(info, "cluster");
	const char *name =
		json_string_value(json_object_get(cluster, "leader"));

	if (name == NULL || name[0] != 'n' || name[1] < '0' ||
	    name[1] >= '0' + NODES)
		return -1;
	return name[1] - '0';
}

int nats_cluster_leader(struct nats_cluster *c, const char *stream)
{
	json_t *info = ask(c, "STREAM.INFO", stream, "");
	int leader = leader_in(info);

	json_decref(info);
	return leader;
}

int nats_cluster_wait_leader(struct nats_cluster *c, const char *stream,
			     int but)
{
	uint64_t deadline = test_deadline_ms(WAIT_MS);
	int leader;

	while ((leader = nats_cluster_leader(c, stream)) < 0 || leader == but)
		pause_or_fail(deadline, "the stream has no new leader");
	return leader;
}

/* A leader that was cut off goes on saying so for a while, and that the others
 * are current: but it has not heard from them. */
static bool is_whole(const json_t *info)
{
	const json_t *replicas =
		json_object_get(json_object_get(info, "cluster"), "replicas");
	const json_t *r;
	size_t i;

	if (leader_in(info) < 0 || json_array_size(replicas) != NODES - 1)
		return false;
	json_array_foreach(replicas, i, r)
	{
		json_int_t ns =
			json_integer_value(json_object_get(r, "active"));

		if (!json_is_true(json_object_get(r, "current")) ||
		    json_is_true(json_object_get(r, "offline")) || ns <= 0 ||
		    ns >= heard_ns)
			return false;
	}
	return true;
}

/* By the word that each node gets. */
static bool all_agree(struct nats_cluster *c, const char *subject)
{
	int leader = -1;
	bool whole = true;

	for (int i = 0; i < NODES && whole; i++) {
		json_t *info = ask_node(&c->nodes[i], subject, "");

		whole = is_whole(info) && (i == 0 || leader_in(info) == leader);
		leader = leader_in(info);
		json_decref(info);
	}
	return whole;
}

void nats_cluster_wait_whole(struct nats_cluster *c, const char *stream)
{
	uint64_t deadline = test_deadline_ms(WAIT_MS);
	char subject[256];

	snprintf(subject, sizeof(subject), "$JS.API.STREAM.INFO.%s", stream);
	while (!all_agree(c, subject))
		pause_or_fail(deadline, "the stream's replicas are behind");
}

void nats_cluster_stream(struct nats_cluster *c, const char *name,
			 const char *config_json)
{
	uint64_t deadline = test_deadline_ms(WAIT_MS);
	json_t *json;

	while ((json = ask(c, "STREAM.CREATE", name, config_json)) == NULL)
		pause_or_fail(deadline, "the stream is not made");
	json_decref(json);
	nats_cluster_wait_whole(c, name);
}

/* What the node's own replica has, to free(); "" for none. */
static char *stored_on(natsConnection *conn, const char *subject, uint64_t seq)
{
	char body[64], *text = NULL;
	natsMsg *msg = NULL;

	snprintf(body, sizeof(body), "{\"seq\": %" PRIu64 "}", seq);
	if (conn != NULL &&
	    natsConnection_RequestString(&msg, conn, subject, body,
					 ANSWER_MS) == NATS_OK)
		text = strndup(natsMsg_GetData(msg),
			       (size_t)natsMsg_GetDataLength(msg));
	natsMsg_Destroy(msg);
	return text != NULL ? text : strdup("?");
}

static bool same_at(natsConnection *const *conns, const char *subject,
		    uint64_t seq)
{
	char *texts[NODES];
	bool same = true;

	for (int i = 0; i < NODES; i++) {
		texts[i] = stored_on(conns[i], subject, seq);
		assert_non_null(texts[i]);
		same = same && strcmp(texts[0], texts[i]) == 0;
	}
	if (!same)
		fprintf(stderr,
			"the replicas differ at sequence %" PRIu64
			": \"%s\", \"%s\", \"%s\"\n",
			seq, texts[0], texts[1], texts[2]);
	for (int i = 0; i < NODES; i++)
		free(texts[i]);
	return same;
}

bool nats_cluster_same(struct nats_cluster *c, const char *stream,
		       uint64_t from, uint64_t to)
{
	natsConnection *conns[NODES];
	char subject[256];
	bool same = true;

	snprintf(subject, sizeof(subject), "$JS.API.DIRECT.GET.%s", stream);
	for (int i = 0; i < NODES; i++)
		conns[i] =
			c->nodes[i].pid == 0
				? NULL
				: nats_server_dial(c->nodes[i].url, ANSWER_MS);
	for (uint64_t seq = from; seq <= to; seq++)
		same = same_at(conns, subject, seq) && same;
	for (int i = 0; i < NODES; i++)
		natsConnection_Destroy(conns[i]);
	return same;
}

void nats_cluster_lead(struct nats_cluster *c, const char *stream, int node)
{
	uint64_t deadline = test_deadline_ms(WAIT_MS);

	while (nats_cluster_wait_leader(c, stream, -1) != node) {
		json_decref(ask(c, "STREAM.LEADER.STEPDOWN", stream, ""));
		pause_or_fail(deadline, "the node does not get the lead");
	}
}
