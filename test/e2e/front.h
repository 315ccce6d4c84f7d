/* A real proxy (Debian's nginx or HAProxy) before the gateway, for tests: a
 * process with a configuration and a folder of its own. Clients reach it by
 * Unix sockets ("sites"), each with other settings. Ends with the test. */
#ifndef TEST_FRONT_H
#define TEST_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "folder.h"

struct front {
	pid_t pid;
	const char *name; /* "nginx", "haproxy", "caddy" */
	struct folder folder;
};

/* Where who asks as whom is in the client's header "X-User"; every site puts it
 * into "user_id", as an authentication would. */
#define FRONT_NGINX_OLD	     "nginx-old"      /* HTTP/1.0 to the gateway */
#define FRONT_NGINX_KEPT     "nginx-kept"     /* as in README.md */
#define FRONT_NGINX_STREAMED "nginx-streamed" /* bodies as they come */
#define FRONT_NGINX_POSTS    "nginx-posts"    /* large bodies */
#define FRONT_HAPROXY	     "haproxy"
#define FRONT_HAPROXY_POSTS  "haproxy-posts"
#define FRONT_EXAMPLE	     "web"
#define FRONT_HAPROXY_LOOSE  "haproxy-loose" /* takes what is invalid */

/* Starts it before the gateway at "127.0.0.1:PORT" and waits until it listens.
 * False, with a note, when it is not installed. */
bool front_start_nginx(struct front *p, const char *gateway);
bool front_start_haproxy(struct front *p, const char *gateway);
/* One of "nginx", "haproxy" and "caddy", with its file of examples/proxies as
 * it lies there, but for addresses and alice's password ("secret"); before two
 * gateways. Its site is FRONT_EXAMPLE. */
bool front_start_example(struct front *p, const char *name, const char *one,
			 const char *two);
/* Zeroed is fine. */
void front_stop(struct front *p);

/* "unix:PATH"; good until the next call. */
const char *front_address(struct front *p, const char *site);
/* Requests that it passed on to the gateway and whose target has `part`. */
size_t front_count(struct front *p, const char *part);

#endif
