#!/usr/bin/env python3
"""Keys and tokens by OpenSSL's command line.

	token.py key ALG PATH             a key: PATH, and PATH.pub for the gateway
	token.py sign ALG PATH CLAIMS [KID]   a token with these claims (JSON)
	token.py set [KID ALG PATH]...    a JWKS of public keys (ES256, EdDSA)

The lifetime may be given in place of a time: "exp": "+5" is in 5 seconds.
"""

import base64
import json
import shutil
import subprocess
import sys
import tempfile
import time

KEYS = {
    "RS256": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "PS256": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "ES256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "EdDSA": ["-algorithm", "ED25519"],
    "Ed25519": ["-algorithm", "ED25519"],
}


def openssl(*args, data=None):
    return subprocess.run(["openssl", *args], input=data, check=True,
                          stdout=subprocess.PIPE).stdout


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def make_key(alg, path):
    if alg == "HS256":
        with open(path, "wb") as f:
            f.write(openssl("rand", "-hex", "32"))
        shutil.copy(path, path + ".pub")
        return
    openssl("genpkey", *KEYS[alg], "-out", path)
    openssl("pkey", "-in", path, "-pubout", "-out", path + ".pub")


def raw_pair(der):
    """A SEQUENCE of two INTEGERs as two numbers of 32 bytes."""
    def number(at):
        length = der[at + 1]
        value = int.from_bytes(der[at + 2:at + 2 + length], "big")
        return value.to_bytes(32, "big"), at + 2 + length
    r, at = number(2)
    s, _ = number(at)
    return r + s


def sign(alg, path, data):
    if alg == "HS256":
        with open(path, "rb") as f:
            secret = f.read()
        # As the gateway reads the file of a secret.
        if secret.endswith(b"\n"):
            secret = secret[:-1]
        if secret.endswith(b"\r"):
            secret = secret[:-1]
        return openssl("dgst", "-sha256", "-mac", "HMAC", "-macopt",
                       "hexkey:" + secret.hex(), "-binary", data=data)
    if alg in ("EdDSA", "Ed25519"):
        with tempfile.NamedTemporaryFile() as f:
            f.write(data)
            f.flush()
            return openssl("pkeyutl", "-sign", "-rawin", "-inkey", path,
                           "-in", f.name)
    options = []
    if alg == "PS256":
        options = ["-sigopt", "rsa_padding_mode:pss",
                   "-sigopt", "rsa_pss_saltlen:digest"]
    signature = openssl("dgst", "-sha256", "-sign", path, *options, data=data)
    return raw_pair(signature) if alg == "ES256" else signature


def make_jwk(kid, alg, path):
    der = openssl("pkey", "-in", path, "-pubout", "-outform", "DER")
    if alg == "ES256":
        key = {"kty": "EC", "crv": "P-256", "x": encode(der[-64:-32]).decode(),
               "y": encode(der[-32:]).decode()}
    else:
        key = {"kty": "OKP", "crv": "Ed25519", "x": encode(der[-32:]).decode()}
    return {"kid": kid, "use": "sig", **key}


def make_set(args):
    return json.dumps({"keys": [make_jwk(*args[i:i + 3])
                                for i in range(0, len(args), 3)]})


def make_token(alg, path, claims, *kid):
    for name, value in claims.items():
        if isinstance(value, str) and value.startswith("+"):
            claims[name] = time.time() + float(value)
    header = {"alg": alg, "typ": "JWT"}
    if kid:
        header["kid"] = kid[0]
    data = encode(json.dumps(header).encode())
    data += b"." + encode(json.dumps(claims).encode())
    return (data + b"." + encode(sign(alg, path, data))).decode()


def main():
    if sys.argv[1] == "key":
        make_key(sys.argv[2], sys.argv[3])
    elif sys.argv[1] == "set":
        print(make_set(sys.argv[2:]))
    else:
        print(make_token(sys.argv[2], sys.argv[3], json.loads(sys.argv[4]),
                         *sys.argv[5:]))


if __name__ == "__main__":
    main()
