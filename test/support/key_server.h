/* A server of keys by HTTPS (key_server.py), for tests: a process with a folder
 * of its own. Ends with the test. */
#ifndef TEST_KEY_SERVER_H
#define TEST_KEY_SERVER_H

#include <stddef.h>
#include <sys/types.h>

#include "temp_folder.h"

struct key_server {
	pid_t pid; /* 0: not running */
	struct temp_folder folder;
	char url[64];
	char authority[64]; /* path of its certificate */
};

/* Starts it, again at the same port after key_server_kill(), and waits until it
 * listens. Zeroed is fine. */
void key_server_start(struct key_server *s);
void key_server_kill(struct key_server *s);
/* ... and removes its folder. Zeroed is fine. */
void key_server_finish(struct key_server *s);

/* What it serves from now on. */
void key_server_set_keys(struct key_server *s, const char *keys);
/* One of MODES in key_server.py. */
void key_server_set_mode(struct key_server *s, const char *mode);
/* Of Cache-Control; NULL: none. */
void key_server_set_cache(struct key_server *s, const char *value);
/* Connections so far. */
size_t key_server_count(struct key_server *s);
/* Until there were so many. */
void key_server_wait_count(struct key_server *s, size_t n);

#endif
