#include "nats_jwt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

enum { OPERATOR = 14 << 3, ACCOUNT = 0, USER = 20 << 3, SEED = 18 << 3 };

struct key {
	unsigned char public_key[32];
	unsigned char secret_key[64];
	unsigned char seed[32];
	char name[64]; /* the public key as text */
};

static void put_base32(char *out, const unsigned char *bytes, size_t len)
{
	static const char messages[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	unsigned bits = 0, n = 0;

	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | bytes[i];
		for (n += 8; n >= 5; n -= 5)
			*out++ = messages[bits >> (n - 5) & 31];
	}
	if (n > 0)
		*out++ = messages[bits << (5 - n) & 31];
	*out = '\0';
}

/* CRC-16 of XMODEM, behind the bytes. */
static void put_crc(unsigned char *bytes, size_t len)
{
	unsigned crc = 0;

	for (size_t i = 0; i < len; i++) {
		crc ^= (unsigned)bytes[i] << 8;
		for (int bit = 0; bit < 8; bit++)
			crc = (crc << 1 ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
	}
	bytes[len] = crc & 0xff;
	bytes[len + 1] = (unsigned char)(crc >> 8);
}

static void make_key(struct key *k, int type)
{
	unsigned char raw[35];

	randombytes_buf(k->seed, sizeof(k->seed));
	crypto_sign_seed_keypair(k->public_key, k->secret_key, k->seed);
	raw[0] = (unsigned char)type;
	memcpy(raw + 1, k->public_key, 32);
	put_crc(raw, 33);
	put_base32(k->name, raw, sizeof(raw));
}

static void put_seed(char *out, const struct key *k, int type)
{
	unsigned char raw[36];

	raw[0] = (unsigned char)(SEED | type >> 5);
	raw[1] = (unsigned char)((type & 31) << 3);
	memcpy(raw + 2, k->seed, 32);
	put_crc(raw, 34);
	put_base32(out, raw, sizeof(raw));
}

static size_t base64_encode(char *out, size_t size, const void *bytes,
			    size_t len)
{
	sodium_bin2base64(out, size, bytes, len,
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return strlen(out);
}

/* `nats`: the claims that are NATS's own. */
static void put_jwt(char *out, size_t size, const struct key *issuer,
		    const struct key *subject, const char *nats)
{
	static const char head[] = "{\"typ\":\"JWT\",\"alg\":\"ed25519-nkey\"}";
	unsigned char sig[64];
	char claims[1024];
	size_t len;

	snprintf(claims, sizeof(claims),
		 "{\"jti\":\"X\",\"iat\":1700000000,\"iss\":\"%s\","
		 "\"sub\":\"%s\",\"name\":\"x\",\"nats\":%s}",
		 issuer->name, subject->name, nats);
	len = base64_encode(out, size, head, strlen(head));
	out[len++] = '.';
	len += base64_encode(out + len, size - len, claims, strlen(claims));
	crypto_sign_detached(sig, NULL, (unsigned char *)out, len,
			     issuer->secret_key);
	out[len++] = '.';
	base64_encode(out + len, size - len, sig, sizeof(sig));
}

static void put_account(char *out, size_t size, const struct key *operator,
			const struct key * account, int storage)
{
	char nats[512];

	snprintf(nats, sizeof(nats),
		 "{\"type\":\"account\",\"version\":2,\"limits\":{"
		 "\"subs\":-1,\"data\":-1,\"payload\":-1,\"imports\":-1,"
		 "\"exports\":-1,\"wildcards\":true,\"conn\":-1,"
		 "\"leaf\":-1,\"mem_storage\":%d,\"disk_storage\":%d,"
		 "\"streams\":%d,\"consumer\":%d}}",
		 storage, storage, storage, storage);
	put_jwt(out, size, operator, account, nats);
}

/* A server with JetStream wants a system account, which has none of it. */
void nats_jwt_make(struct nats_jwt *ret)
{
	static const char user[] = "{\"type\":\"user\",\"version\":2,"
				   "\"subs\":-1,\"data\":-1,\"payload\":-1%s}";
	struct key operator, system, account, request;
	char operator_jwt[1024], system_jwt[1024], account_jwt[1024], nats[256];

	make_key(&operator, OPERATOR);
	make_key(&system, ACCOUNT);
	make_key(&account, ACCOUNT);
	make_key(&request, USER);
	put_seed(ret->user_seed, &request, USER);
	put_jwt(operator_jwt, sizeof(operator_jwt), &operator, & operator,
		"{\"type\":\"operator\",\"version\":2}");
	put_account(system_jwt, sizeof(system_jwt), &operator, & system, 0);
	put_account(account_jwt, sizeof(account_jwt), &operator, & account, -1);
	snprintf(nats, sizeof(nats), user, "");
	put_jwt(ret->user, sizeof(ret->user), &account, &request, nats);
	snprintf(nats, sizeof(nats), user, ",\"bearer_token\":true");
	put_jwt(ret->bearer, sizeof(ret->bearer), &account, &request, nats);
	snprintf(ret->config, sizeof(ret->config),
		 "operator: %s\nsystem_account: %s\nresolver: MEMORY\n"
		 "resolver_preload: { %s: %s, %s: %s }\n",
		 operator_jwt, system.name, system.name, system_jwt,
		 account.name, account_jwt);
}
