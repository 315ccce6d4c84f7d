/* A real nats-server (Debian's) for tests: loopback, a free port, its own
 * folder; ends with the test, whatever the test does (PR_SET_PDEATHSIG). */
#ifndef TEST_NATS_SERVER_H
#define TEST_NATS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct nats_server {
	pid_t pid;     /* 0: not running */
	int port;      /* kept over restarts */
	char url[64];  /* nats://127.0.0.1:PORT */
	char dir[128]; /* temporary: config, store, log; removed at the end */
	char *config;  /* further configuration text, owned; or NULL */
	bool jetstream;
	int version; /* 20910 for 2.9.10 */
};

/* Of the program that is installed: 20910 for 2.9.10. */
int nats_server_installed(void);
/* Starts with JetStream (file store under dir) and waits until it answers.
 * `config`: more lines for the configuration file, or NULL. Fails the test
 * (cmocka's fail_msg) when it can't. */
void nats_server_start(struct nats_server *s, const char *config);
/* The same without the start, for one that is to listen on this port; then
 * spawn() and wait_ready(). */
void nats_server_prepare(struct nats_server *s, int port, const char *config);
/* Starts it again after nats_server_kill(), same port and folder. */
void nats_server_again(struct nats_server *s);
/* Like again(), but returns at once, before it answers. */
void nats_server_spawn(struct nats_server *s);
void nats_server_wait_ready(struct nats_server *s);
/* Sends the signal; waits for the end for every signal but SIGSTOP, SIGCONT,
 * SIGUSR2 (lame duck), SIGHUP. */
void nats_server_kill(struct nats_server *s, int sig);
/* From now on this configuration, which the running server takes over. */
void nats_server_reload(struct nats_server *s, const char *config);
/* Kills it with this signal and starts it again with this configuration. */
void nats_server_restart(struct nats_server *s, int sig, const char *config);
/* Removes what the store holds (the server must not run). */
void nats_server_empty_store(struct nats_server *s);
/* Copies the store aside; puts the copy in the store's place (the server must
 * not run). */
void nats_server_copy_store(struct nats_server *s);
void nats_server_put_back_store(struct nats_server *s);
/* Kills it, removes the folder. Zeroed is fine. */
void nats_server_stop(struct nats_server *s);

/* One try, without the library's reconnecting; NULL without an answer. */
struct __natsConnection *nats_server_dial(const char *url, int64_t timeout_ms);

/* A synchronous client for tests: publishes, makes streams. Every call fails
 * the test when the server refuses, unless it says that it returns an error. */
struct nats_admin;
struct nats_admin *nats_admin_open(const char *url);
void nats_admin_close(struct nats_admin *a);
/* `config_json`: the stream's configuration as in STREAM.CREATE, with name. */
void nats_admin_stream(struct nats_admin *a, const char *config_json);
/* Acknowledged; returns the sequence. */
unsigned long long nats_admin_publish(struct nats_admin *a, const char *subject,
				      const void *data, size_t len);
/* n messages "PREFIX-i" (i from 0), all acknowledged at return; fast. Returns
 * the last sequence. */
unsigned long long nats_admin_publish_many(struct nats_admin *a,
					   const char *subject,
					   const char *prefix, size_t n);
/* Any API request; the reply's JSON, to free(). `subject` behind "$JS.API.". */
char *nats_admin_api(struct nats_admin *a, const char *subject,
		     const char *json);
/* The same; the server may refuse, or have lost what is meant. */
void nats_admin_try(struct nats_admin *a, const char *subject,
		    const char *json);
/* Every message of this filter that the stream holds (at least one), in order.
 */
typedef void (*nats_admin_read_cb)(void *arg, unsigned long long seq,
				   const char *subject, const char *data,
				   size_t len);
void nats_admin_read(struct nats_admin *a, const char *stream,
		     const char *filter, nats_admin_read_cb cb, void *arg);
/* A number of STREAM.INFO by a path: "state.consumer_count". */
long long nats_admin_stream_number(struct nats_admin *a, const char *stream,
				   const char *path);

#endif
