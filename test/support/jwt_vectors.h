/* The files of test/unit/jwt: keys with tokens that are signed by them.
 *
 *	name RFC 7515, A.1: HS256
 *	key {"kty": "oct", ...}		what a key file would have, \n escaped
 *	token eyJ0eX...
 */
#ifndef TEST_JWT_VECTORS_H
#define TEST_JWT_VECTORS_H

#include <stddef.h>

#include "auth/jwks.h"

struct jwt_vector {
	char *name;
	char *key;
	size_t key_len;
	char *token;
};

struct jwt_vectors {
	struct jwt_vector *at;
	size_t n;
};

/* `file`: below test/unit/jwt. Dies when it is not there, or none is in it. */
void jwt_vectors_read(struct jwt_vectors *ret, const char *file);
void jwt_vectors_free(struct jwt_vectors *v);
/* jwks_new() of the key: one that is neither PEM nor JSON is a secret. */
int jwt_vectors_keys(struct jwks **ret, const struct jwt_vector *v, char *err);

#endif
