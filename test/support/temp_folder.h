/* A folder of a test's own. A test writes files only below it, and it goes with
 * all that is in it. */
#ifndef TEST_TEMP_FOLDER_H
#define TEST_TEMP_FOLDER_H

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct temp_folder {
	char path[32];
	char below[128]; /* what temp_folder_path() has made last */
};

static inline int temp_folder_make(struct temp_folder *f)
{
	strcpy(f->path, "/tmp/sluice-test-XXXXXX");
	return mkdtemp(f->path) == NULL ? -1 : 0;
}

static inline int temp_folder_on_entry(const char *path, const struct stat *st,
				       int kind, struct FTW *where)
{
	(void)st, (void)kind, (void)where;
	return remove(path);
}

static inline int temp_folder_remove(struct temp_folder *f)
{
	return nftw(f->path, temp_folder_on_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void temp_folder_fail(const char *path)
{
	perror(path);
	abort();
}

/* Good until the next call. */
static inline const char *temp_folder_path(struct temp_folder *f,
					   const char *name)
{
	snprintf(f->below, sizeof(f->below), "%s/%s", f->path, name);
	return f->below;
}

/* Writes the file, and the folders that lead to it. Returns its path. */
static inline const char *temp_folder_write(struct temp_folder *f,
					    const char *name, const void *bytes,
					    size_t len)
{
	char *path = strdup(temp_folder_path(f, name));
	FILE *file;

	if (path == NULL)
		temp_folder_fail(name);
	for (char *p = path + strlen(f->path) + 1; (p = strchr(p, '/')) != NULL;
	     *p++ = '/') {
		*p = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			temp_folder_fail(path);
	}
	file = fopen(path, "w");
	if (file == NULL || fwrite(bytes, 1, len, file) != len ||
	    fclose(file) != 0)
		temp_folder_fail(path);
	free(path);
	return f->below;
}

#endif
