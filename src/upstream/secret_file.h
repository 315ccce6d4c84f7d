/* The files that the NATS options name: credentials, keys, certificates. Read
 * whole, checked, and wiped from memory. These functions block: for the start,
 * and for the thread of a connect. */
#ifndef SLUICE_SECRET_FILE_H
#define SLUICE_SECRET_FILE_H

#include "nats/nkey.h"

enum secret_file_kind {
	SECRET_FILE_CREDS,
	SECRET_FILE_CA,
	SECRET_FILE_CERT,
	SECRET_FILE_KEY,
};

enum { SECRET_FILE_ERROR_MAX = 512 };

/* The content, NUL-terminated, to secret_free(). A negative errno with `err`
 * (SECRET_FILE_ERROR_MAX bytes), which names the option: the file cannot be
 * read, is of another kind, or is encrypted. */
int secret_file_read(char **ret, enum secret_file_kind kind, const char *path,
		     char *err);
/* The same without the content. Accepts NULL as path. */
int secret_file_check(enum secret_file_kind kind, const char *path, char *err);

/* The JWT of a credentials file, to free(). -EINVAL: there is none. */
int secret_file_read_jwt(char **ret, const char *path);
/* The nkey seed of a file, to nkey_wipe(). -EINVAL: there is none. */
int secret_file_read_nkey(struct nkey *ret, const char *path);

/* Wipes a string and frees it. Accepts NULL. */
void secret_free(char *text);

#endif
