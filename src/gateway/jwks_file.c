/* One thread for each file, which sleeps between looks. It shares a struct
 * key_watch with the loop; the last of the two that lets go frees it, so that a
 * gateway can end while its thread hangs in open() or read(). */
#include "gateway/jwks_file.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "config/value_resolver.h"

/* What a look brings. */
struct look {
	enum jwks_file_result result;
	struct jwks *keys; /* of JWKS_FILE_READ */
	char err[JWKS_FILE_ERROR_MAX];
};

struct key_watch {
	uv_mutex_t lock; /* of all down to `look` */
	uv_cond_t asked;
	uv_async_t *bell;
	bool wanted;
	bool forced;
	bool busy;
	bool closed; /* the thread frees, if it is busy */
	struct look look;

	uv_thread_t thread;
	/* The thread's own. */
	enum jwks_kind kind;
	struct stat seen; /* when it was last read; zeroed: it was not there */
	bool again;	  /* the last read failed, and says nothing of it */
	char path[];
};

/* ---- the thread ---------------------------------------------------------- */

/* One that can't be looked at is zeroed. */
static void stat_file(const char *path, struct stat *ret)
{
	if (stat(path, ret) < 0)
		*ret = (struct stat){0};
}

static bool is_same_timespec(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size &&
	       is_same_timespec(&a->st_mtim, &b->st_mtim) &&
	       is_same_timespec(&a->st_ctim, &b->st_ctim);
}

/* Is it the bytes that are wrong? Anything else may pass: too many descriptors,
 * no memory, a file system's fault, a file that is just being replaced. */
static bool is_of_content(int rc, const char *err)
{
	return rc == -EFBIG || (rc == -EINVAL && err[0] != '\0');
}

static int read_keys(const struct key_watch *w, struct jwks **ret, char *err)
{
	char *text;
	size_t len;
	int rc = file_read(w->path, &text, &len);

	if (rc < 0)
		return rc;
	rc = jwks_new(ret, w->kind, text, len, err);
	explicit_bzero(text, len);
	free(text);
	return rc;
}

static int look_at_file(struct key_watch *w, bool force, struct look *ret)
{
	struct stat now;
	int rc;

	*ret = (struct look){.result = JWKS_FILE_SAME};
	/* First: what changes while it is read is seen the next time. */
	stat_file(w->path, &now);
	if (!force && !w->again && same_file(&now, &w->seen))
		return 0;
	rc = read_keys(w, &ret->keys, ret->err);
	w->seen = now;
	w->again = rc < 0 && !is_of_content(rc, ret->err);
	ret->result = rc < 0 ? JWKS_FILE_FAILED : JWKS_FILE_READ;
	if (rc < 0 && ret->err[0] == '\0')
		snprintf(ret->err, sizeof(ret->err), "%s", strerror(-rc));
	return rc;
}

static void free_watch(struct key_watch *w)
{
	jwks_free(w->look.keys);
	uv_cond_destroy(&w->asked);
	uv_mutex_destroy(&w->lock);
	free(w);
}

/* A result that was not taken yet is replaced, but not by "the same". */
static void keep(struct key_watch *w, const struct look *look)
{
	if (look->result == JWKS_FILE_SAME &&
	    w->look.result != JWKS_FILE_PENDING)
		return;
	jwks_free(w->look.keys);
	w->look = *look;
}

static void run_jwks_thread(void *arg)
{
	struct key_watch *w = arg;
	bool left;

	uv_mutex_lock(&w->lock);
	for (;;) {
		struct look look;
		bool force;

		while (!w->wanted && !w->closed)
			uv_cond_wait(&w->asked, &w->lock);
		if (w->closed)
			break;
		force = w->forced;
		w->wanted = w->forced = false;
		w->busy = true;
		uv_mutex_unlock(&w->lock);
		look_at_file(w, force, &look);
		uv_mutex_lock(&w->lock);
		keep(w, &look);
		if (w->closed)
			break;
		w->busy = false;
		uv_async_send(w->bell);
	}
	left = w->busy;
	uv_mutex_unlock(&w->lock);
	if (left)
		free_watch(w);
}

/* ---- the loop ------------------------------------------------------------ */

static struct key_watch *new_watch(const char *path, enum jwks_kind kind,
				   uv_async_t *bell)
{
	size_t size = strlen(path) + 1;
	struct key_watch *w = calloc(1, sizeof(*w) + size);

	if (w == NULL)
		return NULL;
	if (uv_mutex_init(&w->lock) < 0) {
		free(w);
		return NULL;
	}
	if (uv_cond_init(&w->asked) < 0) {
		uv_mutex_destroy(&w->lock);
		free(w);
		return NULL;
	}
	memcpy(w->path, path, size);
	w->kind = kind;
	w->bell = bell;
	return w;
}

int jwks_file_open(struct jwks_file *f, const char *path, enum jwks_kind kind,
		   uv_async_t *bell, char *err)
{
	struct key_watch *w = new_watch(path, kind, bell);
	struct look first;
	int rc;

	if (w == NULL) {
		snprintf(err, JWKS_FILE_ERROR_MAX, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	rc = look_at_file(w, true, &first);
	if (rc < 0)
		memcpy(err, first.err, JWKS_FILE_ERROR_MAX);
	if (rc == 0) {
		rc = uv_thread_create(&w->thread, run_jwks_thread, w);
		if (rc < 0) {
			jwks_free(first.keys);
			snprintf(err, JWKS_FILE_ERROR_MAX, "no thread: %s",
				 strerror(-rc));
		}
	}
	if (rc < 0) {
		free_watch(w);
		return rc;
	}
	f->keys = first.keys;
	f->watch = w;
	return 0;
}

void jwks_file_look(struct jwks_file *f, bool force)
{
	struct key_watch *w = f->watch;

	uv_mutex_lock(&w->lock);
	w->wanted = true;
	w->forced = w->forced || force;
	uv_cond_signal(&w->asked);
	uv_mutex_unlock(&w->lock);
}

enum jwks_file_result jwks_file_take(struct jwks_file *f, char *err)
{
	struct key_watch *w = f->watch;
	struct look look;

	uv_mutex_lock(&w->lock);
	look = w->look;
	w->look = (struct look){.result = JWKS_FILE_PENDING};
	uv_mutex_unlock(&w->lock);
	if (look.result == JWKS_FILE_FAILED)
		memcpy(err, look.err, JWKS_FILE_ERROR_MAX);
	if (look.result == JWKS_FILE_READ) {
		jwks_free(f->keys);
		f->keys = look.keys;
	}
	return look.result;
}

void jwks_file_close(struct jwks_file *f)
{
	struct key_watch *w = f->watch;
	uv_thread_t thread;
	bool busy;

	jwks_free(f->keys);
	*f = (struct jwks_file){0};
	if (w == NULL)
		return;
	thread = w->thread;
	uv_mutex_lock(&w->lock);
	w->closed = true;
	busy = w->busy;
	uv_cond_signal(&w->asked);
	uv_mutex_unlock(&w->lock);
	if (busy) {
		pthread_detach(thread);
	} else {
		uv_thread_join(&thread);
		free_watch(w);
	}
}
