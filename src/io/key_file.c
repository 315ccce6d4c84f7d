#include "key_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/reference.h"

/* One that can't be looked at is zeroed. */
static void look(const char *path, struct stat *ret)
{
	if (stat(path, ret) < 0)
		*ret = (struct stat){0};
}

int key_file_read(struct key_file *f, char *err)
{
	struct jwt_keys *keys;
	char *text;
	size_t len;
	int rc;

	/* First: what changes while it is read is seen the next time. */
	look(f->path, &f->seen);
	err[0] = '\0';
	rc = reference_read_file(f->path, &text, &len);
	if (rc == 0) {
		rc = jwt_keys_new(&keys, text, len, err);
		explicit_bzero(text, len);
		free(text);
	}
	if (rc == 0) {
		jwt_keys_free(f->keys);
		f->keys = keys;
	} else if (err[0] == '\0') {
		snprintf(err, KEY_FILE_ERROR_MAX, "%s", strerror(-rc));
	}
	return rc;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool key_file_changed(const struct key_file *f)
{
	struct stat now;

	look(f->path, &now);
	return now.st_dev != f->seen.st_dev || now.st_ino != f->seen.st_ino ||
	       now.st_size != f->seen.st_size ||
	       !same_time(&now.st_mtim, &f->seen.st_mtim) ||
	       !same_time(&now.st_ctim, &f->seen.st_ctim);
}

void key_file_finish(struct key_file *f)
{
	jwt_keys_free(f->keys);
	f->keys = NULL;
}
