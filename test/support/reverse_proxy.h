/* A real proxy (Debian's nginx or HAProxy) before the gateway, for tests: a
 * process with a configuration and a folder of its own. Clients reach it by
 * Unix sockets ("sites"), each with other settings. Ends with the test. */
#ifndef TEST_REVERSE_PROXY_H
#define TEST_REVERSE_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "temp_folder.h"

struct reverse_proxy {
	pid_t pid;
	const char *name; /* "nginx", "haproxy", "caddy" */
	struct temp_folder folder;
};

/* The client names its identity in the header "X-User"; every site copies it
 * into "user_id", as an authentication would. */
#define REVERSE_PROXY_NGINX_OLD	 "nginx-old"  /* HTTP/1.0 to the gateway */
#define REVERSE_PROXY_NGINX_KEPT "nginx-kept" /* as in README.md */
#define REVERSE_PROXY_NGINX_STREAMED                                     \
	"nginx-streamed"			  /* bodies as they come \
						   */
#define REVERSE_PROXY_NGINX_POSTS   "nginx-posts" /* large bodies */
#define REVERSE_PROXY_HAPROXY	    "haproxy"
#define REVERSE_PROXY_HAPROXY_POSTS "haproxy-posts"
#define REVERSE_PROXY_EXAMPLE	    "web"
#define REVERSE_PROXY_HAPROXY_LOOSE              \
	"haproxy-loose" /* takes what is invalid \
			 */

/* Starts it before the gateway at "127.0.0.1:PORT" and waits until it listens.
 * False, with a note, when it is not installed. */
bool reverse_proxy_start_nginx(struct reverse_proxy *p, const char *gateway);
bool reverse_proxy_start_haproxy(struct reverse_proxy *p, const char *gateway);
/* One of "nginx", "haproxy" and "caddy", with its file of examples/proxies as
 * it lies there, but for addresses and alice's password ("secret"); before two
 * gateways. Its site is REVERSE_PROXY_EXAMPLE. */
bool reverse_proxy_start_example(struct reverse_proxy *p, const char *name,
				 const char *one, const char *two);
/* Zeroed is fine. */
void reverse_proxy_stop(struct reverse_proxy *p);

/* "unix:PATH"; good until the next call. */
const char *reverse_proxy_address(struct reverse_proxy *p, const char *site);
/* Requests that it forwarded to the gateway, with `part` in their target. */
size_t reverse_proxy_count(struct reverse_proxy *p, const char *part);

#endif
