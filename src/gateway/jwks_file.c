/* One thread for each file, which sleeps between checks. It shares a struct
 * jwks_watch with the loop, and the last of the two frees it: a gateway can end
 * while its thread hangs in open() or read(). */
#include "gateway/jwks_file.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

/* The result of a check. */
struct jwks_check {
	enum jwks_file_result result;
	struct jwks *keys; /* of JWKS_FILE_READ */
	char err[JWKS_FILE_ERROR_MAX];
};

struct jwks_watch {
	uv_mutex_t lock; /* of the fields down to `check` */
	uv_cond_t requested;
	uv_async_t *wakeup;
	bool wanted;
	bool forced;
	bool busy;
	bool closed; /* the thread frees the struct, if it is busy */
	struct jwks_check check;

	uv_thread_t thread;
	/* The thread's. */
	enum jwks_kind kind;
	struct stat seen; /* at the last read; zeroed: there was no file */
	bool retry;	  /* the last read failed, not by the content */
	char path[];
};

/* ---- the thread ---------------------------------------------------------- */

/* Zeroed if that fails. */
static void stat_file(const char *path, struct stat *ret)
{
	if (stat(path, ret) < 0)
		*ret = (struct stat){0};
}

static bool is_same_timespec(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size &&
	       is_same_timespec(&a->st_mtim, &b->st_mtim) &&
	       is_same_timespec(&a->st_ctim, &b->st_ctim);
}

/* The content is invalid. All other errors may be temporary: too many
 * descriptors, no memory, a fault of the file system, a file being replaced. */
static bool is_content_error(int rc, const char *err)
{
	return rc == -EFBIG || (rc == -EINVAL && err[0] != '\0');
}

static int read_keys_file(const struct jwks_watch *w, struct jwks **ret,
			  char *err)
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

static int check_file(struct jwks_watch *w, bool force, struct jwks_check *ret)
{
	struct stat now;
	int rc;

	*ret = (struct jwks_check){.result = JWKS_FILE_UNCHANGED};
	/* Before the read: a change during it is noticed by the next check. */
	stat_file(w->path, &now);
	if (!force && !w->retry && is_same_file(&now, &w->seen))
		return 0;
	rc = read_keys_file(w, &ret->keys, ret->err);
	w->seen = now;
	w->retry = rc < 0 && !is_content_error(rc, ret->err);
	ret->result = rc < 0 ? JWKS_FILE_FAILED : JWKS_FILE_READ;
	if (rc < 0 && ret->err[0] == '\0')
		snprintf(ret->err, sizeof(ret->err), "%s", strerror(-rc));
	return rc;
}

static void free_jwks_watch(struct jwks_watch *w)
{
	jwks_free(w->check.keys);
	uv_cond_destroy(&w->requested);
	uv_mutex_destroy(&w->lock);
	free(w);
}

/* Replaces a result that was not taken yet, except by "unchanged". */
static void store_check(struct jwks_watch *w, const struct jwks_check *check)
{
	if (check->result == JWKS_FILE_UNCHANGED &&
	    w->check.result != JWKS_FILE_PENDING)
		return;
	jwks_free(w->check.keys);
	w->check = *check;
}

static void run_jwks_thread(void *arg)
{
	struct jwks_watch *w = arg;
	bool left;

	uv_mutex_lock(&w->lock);
	for (;;) {
		struct jwks_check check;
		bool force;

		while (!w->wanted && !w->closed)
			uv_cond_wait(&w->requested, &w->lock);
		if (w->closed)
			break;
		force = w->forced;
		w->wanted = w->forced = false;
		w->busy = true;
		uv_mutex_unlock(&w->lock);
		check_file(w, force, &check);
		uv_mutex_lock(&w->lock);
		store_check(w, &check);
		if (w->closed)
			break;
		w->busy = false;
		uv_async_send(w->wakeup);
	}
	left = w->busy;
	uv_mutex_unlock(&w->lock);
	if (left)
		free_jwks_watch(w);
}

/* ---- the loop ------------------------------------------------------------ */

static struct jwks_watch *new_jwks_watch(const char *path, enum jwks_kind kind,
					 uv_async_t *wakeup)
{
	size_t size = strlen(path) + 1;
	struct jwks_watch *w = calloc(1, sizeof(*w) + size);

	if (w == NULL)
		return NULL;
	if (uv_mutex_init(&w->lock) < 0) {
		free(w);
		return NULL;
	}
	if (uv_cond_init(&w->requested) < 0) {
		uv_mutex_destroy(&w->lock);
		free(w);
		return NULL;
	}
	memcpy(w->path, path, size);
	w->kind = kind;
	w->wakeup = wakeup;
	return w;
}

int jwks_file_open(struct jwks_file *f, const char *path, enum jwks_kind kind,
		   uv_async_t *wakeup, char *err)
{
	struct jwks_watch *w = new_jwks_watch(path, kind, wakeup);
	struct jwks_check first;
	int rc;

	if (w == NULL) {
		snprintf(err, JWKS_FILE_ERROR_MAX, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	rc = check_file(w, true, &first);
	if (rc < 0)
		memcpy(err, first.err, JWKS_FILE_ERROR_MAX);
	if (rc == 0) {
		rc = uv_thread_create(&w->thread, run_jwks_thread, w);
		if (rc < 0) {
			jwks_free(first.keys);
			snprintf(err, JWKS_FILE_ERROR_MAX,
				 "cannot start a thread: %s", strerror(-rc));
		}
	}
	if (rc < 0) {
		free_jwks_watch(w);
		return rc;
	}
	f->keys = first.keys;
	f->watch = w;
	return 0;
}

void jwks_file_check(struct jwks_file *f, bool force)
{
	struct jwks_watch *w = f->watch;

	uv_mutex_lock(&w->lock);
	w->wanted = true;
	w->forced = w->forced || force;
	uv_cond_signal(&w->requested);
	uv_mutex_unlock(&w->lock);
}

enum jwks_file_result jwks_file_take(struct jwks_file *f, char *err)
{
	struct jwks_watch *w = f->watch;
	struct jwks_check check;

	uv_mutex_lock(&w->lock);
	check = w->check;
	w->check = (struct jwks_check){.result = JWKS_FILE_PENDING};
	uv_mutex_unlock(&w->lock);
	if (check.result == JWKS_FILE_FAILED)
		memcpy(err, check.err, JWKS_FILE_ERROR_MAX);
	if (check.result == JWKS_FILE_READ) {
		jwks_free(f->keys);
		f->keys = check.keys;
	}
	return check.result;
}

void jwks_file_close(struct jwks_file *f)
{
	struct jwks_watch *w = f->watch;
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
	uv_cond_signal(&w->requested);
	uv_mutex_unlock(&w->lock);
	if (busy) {
		pthread_detach(thread);
	} else {
		uv_thread_join(&thread);
		free_jwks_watch(w);
	}
}
