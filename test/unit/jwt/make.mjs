// Makes vectors.txt: keys and tokens of another implementation, the npm package
// "jose". The tokens' exp is far away (the year 2100), so that the file stays
// good; this makes it again, with new keys:
//
//	npm install --no-save --prefix /tmp/jose jose@5.9.6
//	NODE_PATH=/tmp/jose/node_modules node test/unit/jwt/make.mjs > test/unit/jwt/vectors.txt
//
// A vector is lines of "name text", and an empty line ends it: "key" (what would
// stand in the file of --jwt-key, with \n for its line ends) and "token". All
// tokens are alice's.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(import.meta.url);
const jose = await import(pathToFileURL(
	require.resolve("jose", { paths: (process.env.NODE_PATH ?? "").split(":") })));

const EXP = Date.UTC(2100, 0, 1) / 1000;

function put(name, key, token) {
	console.log(`name ${name}\nkey ${key.replaceAll("\n", "\\n")}\ntoken ${token}\n`);
}

function claims(more = {}) {
	return new jose.SignJWT({ sub: "alice", ...more })
		.setIssuer("https://issuer.example").setIssuedAt(1700000000).setExpirationTime(EXP);
}

async function sign(alg, key, kid, more) {
	return claims(more).setProtectedHeader({ alg, typ: "JWT", ...(kid ? { kid } : {}) }).sign(key);
}

for (const [alg, bytes] of [["HS256", 32], ["HS384", 48], ["HS512", 64]]) {
	const secret = crypto.getRandomValues(new Uint8Array(bytes));
	const jwk = { kty: "oct", alg, k: jose.base64url.encode(secret) };
	put(`${alg} JWK`, JSON.stringify({ keys: [jwk] }), await sign(alg, secret));
}

const text = "an HMAC secret that is text, and long enough for all three of them";
for (const alg of ["HS256", "HS384", "HS512"])
	put(`${alg} text`, `${text}\n`, await sign(alg, new TextEncoder().encode(text)));

const set = [];
for (const [alg, options] of [["RS256", {}], ["PS256", {}], ["ES256", {}],
	["EdDSA", { crv: "Ed25519" }]]) {
	const pair = await jose.generateKeyPair(alg, { ...options, extractable: true });
	const jwk = { ...await jose.exportJWK(pair.publicKey), kid: `of-${alg}`, use: "sig" };
	put(`${alg} PEM`, await jose.exportSPKI(pair.publicKey), await sign(alg, pair.privateKey));
	put(`${alg} JWK`, JSON.stringify({ ...jwk, alg }), await sign(alg, pair.privateKey));
	set.push([alg, jwk, pair]);
}

// One set of all, in which the kid says which.
const encryption = await jose.exportJWK((await jose.generateKeyPair("RSA-OAEP")).publicKey);
const keys = JSON.stringify({ keys: [...set.map(([, jwk]) => jwk),
	{ ...encryption, kid: "enc", use: "enc", alg: "RSA-OAEP" }] });
for (const [alg, jwk, pair] of set) {
	put(`${alg} by kid`, keys, await sign(alg, pair.privateKey, jwk.kid));
	put(`${alg} in a set, without kid`, keys, await sign(alg, pair.privateKey));
}
