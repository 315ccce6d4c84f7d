/* Keys and tokens of OpenSSL's command line (test/e2e/token.py), in the files
 * of a folder: NAME is the private key, NAME.pub the public one. A name begins
 * with its algorithm: "ES256", "ES256-2". */
#ifndef TEST_OPENSSL_TOKENS_H
#define TEST_OPENSSL_TOKENS_H

#include <stddef.h>

#include "temp_folder.h"

enum { OPENSSL_TOKEN_MAX = 4096 };

void openssl_tokens_make_key(struct temp_folder *f, const char *name);
/* `claims` without the braces; `kid` may be NULL. `out` has OPENSSL_TOKEN_MAX
 * bytes. */
void openssl_tokens_sign(struct temp_folder *f, char *out, const char *name,
			 const char *kid, const char *claims);
/* A JWKS of public keys: pairs of kid and name, then NULL. */
void openssl_tokens_set(struct temp_folder *f, char *out, ...)
	__attribute__((sentinel));

#endif
