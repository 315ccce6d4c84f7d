#include "jwt_maker.h"

#include <string.h>

#include <sodium.h>

#include "base/check.h"

size_t jwt_maker_encode(char *out, size_t size, const void *bytes, size_t len)
{
	const int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;

	MUST(sodium_base64_encoded_len(len, variant) <= size);
	sodium_bin2base64(out, size, bytes, len, variant);
	return strlen(out);
}

size_t jwt_maker_by(char *out, size_t size, const char *header,
		    const char *claims, const void *secret, size_t secret_len)
{
	crypto_auth_hmacsha256_state state;
	unsigned char mac[crypto_auth_hmacsha256_BYTES];
	size_t len = jwt_maker_encode(out, size, header, strlen(header));

	out[len++] = '.';
	len += jwt_maker_encode(out + len, size - len, claims, strlen(claims));
	crypto_auth_hmacsha256_init(&state, secret, secret_len);
	crypto_auth_hmacsha256_update(&state, (unsigned char *)out, len);
	crypto_auth_hmacsha256_final(&state, mac);
	out[len++] = '.';
	return len + jwt_maker_encode(out + len, size - len, mac, sizeof(mac));
}

size_t jwt_maker_raw(char *out, size_t size, const char *header,
		     const char *claims)
{
	return jwt_maker_by(out, size, header, claims, JWT_MAKER_SECRET,
			    strlen(JWT_MAKER_SECRET));
}

size_t jwt_maker(char *out, size_t size, const char *claims)
{
	return jwt_maker_raw(out, size, "{\"alg\": \"HS256\"}", claims);
}
