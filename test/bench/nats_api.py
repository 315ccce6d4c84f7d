"""A minimal NATS client: one request at a time."""

import json
import socket

from children import Failed


class NatsApi:
    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), 10)
        self.file = self.sock.makefile("rb")
        self.file.readline()  # INFO
        self.sock.sendall(b'CONNECT {"verbose":false,"pedantic":false,'
                          b'"lang":"python","version":"0"}\r\n'
                          b"SUB _BENCH.> 1\r\n")

    def close(self):
        self.file.close()
        self.sock.close()

    def request(self, subject, body=None):
        text = b"" if body is None else json.dumps(body).encode()
        self.sock.sendall(f"PUB {subject} _BENCH.1 {len(text)}\r\n".encode()
                          + text + b"\r\n")
        while True:
            line = self.file.readline()
            if line.startswith(b"MSG "):
                data = self.file.read(int(line.split()[-1]) + 2)
                return json.loads(data)
            if line.startswith(b"PING"):
                self.sock.sendall(b"PONG\r\n")
            elif line.startswith(b"-ERR") or line == b"":
                raise Failed(f"NATS: {line.decode().strip()}")

    def api(self, name, body=None):
        response = self.request("$JS.API." + name, body)
        if "error" in response:
            raise Failed(f"JetStream: {response['error']}")
        return response

    def api_calls(self):
        """Number of requests to JetStream before this one."""
        return self.api("INFO")["api"]["total"]

    def consumers(self, stream):
        return self.api("STREAM.INFO." + stream)["state"]["consumer_count"]
