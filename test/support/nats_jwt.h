/* An operator, an account and a user made up for a test, with their JWTs (NATS
 * JWT v2, signed by Ed25519 nkeys). */
#ifndef TEST_NATS_JWT_H
#define TEST_NATS_JWT_H

struct nats_jwt {
	char config[4096]; /* for a server: trusts the operator */
	char user[1024];
	char user_seed[64];
	char bearer[1024]; /* the same user, without a seed */
};

void nats_jwt_make(struct nats_jwt *ret);

#endif
