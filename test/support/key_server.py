#!/usr/bin/env python3
"""A server of keys by HTTPS, as an identity provider is, or not.

	key_server.py FOLDER

Files of the folder:

	cert.pem        the server's certificate, and its authority; made here
	port            of 127.0.0.1; the present one is taken again
	keys            the keys that it serves
	mode            what it does with a request, see MODES; read for each one
	cache           the value of Cache-Control; no file: none
	requests        one line for each connection
"""

import os
import socket
import socketserver
import ssl
import subprocess
import sys
import time

FOREVER_S = 3600
LOCATION = {
    "to-http": "http://127.0.0.1:{port}/keys",
    "to-file": "file:///etc/passwd",
    "around": "https://127.0.0.1:{port}/around",
    "once": "https://127.0.0.1:{port}/keys",
}
MODES = ("keys", "silent", "no-head", "no-body", "half", "html", "huge",
         "endless", "endless-head", "slow-start", "500", "404", "204",
         "empty", "not-tls", *LOCATION)


def path(name):
    return os.path.join(sys.argv[1], name)


def read(name, default=b""):
    try:
        with open(path(name), "rb") as f:
            return f.read()
    except FileNotFoundError:
        return default


def write(name, text):
    with open(path(name + ".new"), "w", encoding="ascii") as f:
        f.write(text)
    os.rename(path(name + ".new"), path(name))


def make_certificate():
    if os.path.exists(path("cert.pem")):
        return
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
         "/CN=keys", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", path("cert.key"), "-out", path("cert.pem")],
        check=True, stderr=subprocess.DEVNULL)


class Handler(socketserver.BaseRequestHandler):
    def send(self, text):
        self.request.sendall(text.encode() if isinstance(text, str) else text)

    def head(self, status, *lines):
        cache = read("cache").decode()
        self.send("\r\n".join([
            f"HTTP/1.1 {status}", "Connection: close",
            *([f"Cache-Control: {cache}"] if cache else []), *lines,
            "", ""]))

    def whole(self, status, body, *lines):
        self.head(status, f"Content-Length: {len(body)}", *lines)
        self.send(body)

    def handle(self):
        mode = read("mode", b"keys").decode()
        with open(path("requests"), "a", encoding="ascii") as f:
            f.write(mode + "\n")
        assert mode in MODES, mode
        if mode == "silent":
            time.sleep(FOREVER_S)
        if mode == "not-tls":
            self.send("HTTP/1.1 200 OK\r\n\r\n")
            return
        self.request = CONTEXT.wrap_socket(self.request, server_side=True)
        request = b""
        while b"\r\n\r\n" not in request:
            more = self.request.recv(65536)
            if not more:
                return
            request += more
        self.answer(mode, request.split(b" ")[1].decode())

    def answer(self, mode, target):
        keys = read("keys")
        if mode == "slow-start":
            time.sleep(1)
        if mode in LOCATION and (mode != "once" or target != "/keys"):
            self.whole("302 Found", b"", "Location: " + LOCATION[mode].format(
                port=self.server.server_address[1]))
        elif mode == "no-head":
            time.sleep(FOREVER_S)
        elif mode == "no-body":
            self.head("200 OK", f"Content-Length: {len(keys)}")
            self.send(keys[:10])
            time.sleep(FOREVER_S)
        elif mode == "half":
            self.head("200 OK", f"Content-Length: {len(keys)}")
            self.send(keys[:len(keys) // 2])
        elif mode == "html":
            self.whole("200 OK", b"<html><body>Log in</body></html>")
        elif mode == "empty":
            self.whole("200 OK", b"")
        elif mode == "huge":
            self.whole("200 OK", keys + b" " * (2 << 20))
        elif mode == "endless":
            self.head("200 OK", "Transfer-Encoding: chunked")
            while True:
                self.send(b"8000\r\n" + b" " * 0x8000 + b"\r\n")
        elif mode == "endless-head":
            self.send("HTTP/1.1 200 OK\r\n")
            while True:
                self.send("X-More: " + "x" * 1000 + "\r\n")
        elif mode in ("500", "404"):
            self.whole(mode + " No", keys)
        elif mode == "204":
            self.head("204 No Content")
        else:
            self.whole("200 OK", keys, "Content-Type: application/json")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        kind = sys.exc_info()[0]
        if not issubclass(kind, (OSError, ssl.SSLError)):
            super().handle_error(request, client_address)


if __name__ == "__main__":
    make_certificate()
    CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CONTEXT.load_cert_chain(path("cert.pem"), path("cert.key"))
    socket.setdefaulttimeout(FOREVER_S)
    with Server(("127.0.0.1", int(read("port", b"0"))), Handler) as server:
        write("port", str(server.server_address[1]))
        write("up", "")
        server.serve_forever()
