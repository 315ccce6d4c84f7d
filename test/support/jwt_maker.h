/* Tokens signed by HS256 with libsodium, which is another implementation than
 * the one that they are for. */
#ifndef TEST_JWT_MAKER_H
#define TEST_JWT_MAKER_H

#include <stddef.h>

/* The secret of all of them. */
#define JWT_MAKER_SECRET "a secret of the tests, with forty bytes."

enum { JWT_MAKER_MAX = 16 * 1024 };

/* base64url without padding; NUL-terminated. */
size_t jwt_maker_encode(char *out, size_t size, const void *bytes, size_t len);
/* A token with this header and these claims, whatever they are. */
size_t jwt_maker_raw(char *out, size_t size, const char *header,
		     const char *claims);
/* ... with another secret. */
size_t jwt_maker_by(char *out, size_t size, const char *header,
		    const char *claims, const void *secret, size_t secret_len);
/* ... with {"alg": "HS256"}. */
size_t jwt_maker(char *out, size_t size, const char *claims);

#endif
