#!/usr/bin/env python3
"""idle.py OUTRIDER [CONNECTIONS [SHAPE...]]: what connections cost that do nothing, in resident memory.

One process of the binary, no policies. Each row opens connections that stay, and says by how much the
process grew for each; what the first few set up is not counted.
"""
import os
import re
import resource
import selectors
import socket
import ssl
import subprocess
import sys
import tempfile
import time

FIRST = 100  # connections that fill what threads keep for all
CONFIG = """
version: 1
access_log: {{ format: none }}
admin: {{ bind: "unix:{folder}/admin" }}
listeners:
  clear: {{ bind: "127.0.0.1:0", idle_timeout: 10m, routes: &routes [
    {{ match: {{ path: "/" }}, respond: {{ status: 200, body: "ok" }} }}, {{ to: app }}] }}
  safe: {{ bind: "127.0.0.1:0", idle_timeout: 10m, routes: *routes, tls: {{
    cert: {folder}/localhost.crt, key: {folder}/localhost.key }} }}
clusters:
  app: {{ url: "http://127.0.0.1:{app}", filters: [timeout: {{ total: 0 }}] }}
"""
GET = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"
POLL = b"GET /poll HTTP/1.1\r\nhost: localhost\r\naccept: */*\r\nuser-agent: idle\r\n\r\n"
UPGRADE = (b"GET /socket HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
           b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
SWITCHED = (b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
            b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"


def h2_get(scheme):
    head = b"\x82\x84" + scheme + b"\x41\x09localhost"
    return len(head).to_bytes(3, "big") + b"\1\5\0\0\0\1" + head


def read_h1(connection):
    seen = b""
    while b"\r\n\r\n" not in seen or (b"HTTP/1.1 200" in seen and not seen.endswith(b"ok")):
        piece = connection.recv(4096)
        if not piece:
            raise SystemExit(f"closed behind {seen!r}")
        seen += piece


def read_h2(connection):
    """Until a DATA frame ends stream 1; SETTINGS are answered."""
    seen = b""
    while True:
        while len(seen) >= 9 and len(seen) >= 9 + (size := int.from_bytes(seen[:3], "big")):
            kind, flags = seen[3], seen[4]
            seen = seen[9 + size:]
            if kind == 4 and not flags:
                connection.sendall(b"\0\0\0\4\1\0\0\0\0")
            if kind == 0 and flags & 1:
                return
        piece = connection.recv(4096)
        if not piece:
            raise SystemExit("closed")
        seen += piece


def serve_app(listener):
    """Holds what it is asked; an upgrade is answered."""
    poller = selectors.DefaultSelector()
    poller.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in poller.select():
            if key.fileobj is listener:
                poller.register(listener.accept()[0], selectors.EVENT_READ)
                continue
            asked = key.fileobj.recv(4096)
            if b"upgrade" in asked:
                key.fileobj.sendall(SWITCHED)
            if not asked:
                poller.unregister(key.fileobj)
                key.fileobj.close()


def resident(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) * 1024


def open_one(shape, ports):
    is_safe = "tls" in shape
    connection = socket.create_connection(("127.0.0.1", ports["safe" if is_safe else "clear"]), 10)
    if is_safe:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2" if "h2" in shape else "http/1.1"])
        connection = context.wrap_socket(connection)
    if shape.startswith("h2"):
        connection.sendall(PREFACE + h2_get(b"\x87" if is_safe else b"\x86"))
        read_h2(connection)
    elif shape == "poll":
        connection.sendall(POLL)
    elif shape != "silent":
        connection.sendall(UPGRADE if shape == "websocket" else GET)
        read_h1(connection)
    return connection


def measure(shape, count, pid, ports):
    held = [open_one(shape, ports) for _ in range(FIRST)]
    time.sleep(2.5)  # they rest
    before = resident(pid)
    held += [open_one(shape, ports) for _ in range(count)]
    time.sleep(2.5)
    each = (resident(pid) - before) / count
    print(f"{shape:10} {count:6} connections {each:8.0f} bytes each", flush=True)
    for connection in held:
        connection.close()


def run(binary, count, shape):
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0),
                                                                       backlog=1024) as listener:
        subprocess.run([binary, "certs", folder, "localhost"], check=True, stdout=subprocess.DEVNULL)
        app = os.fork()
        if app == 0:
            serve_app(listener)
        with open(f"{folder}/outrider.yaml", "w") as file:
            file.write(CONFIG.format(folder=folder, app=listener.getsockname()[1]))
        proxy = subprocess.Popen([binary, "run", file.name], stderr=subprocess.PIPE, text=True)
        try:
            measure(shape, count, proxy.pid, ports_of(proxy))
        finally:
            os.kill(app, 9)
            proxy.kill()
            proxy.wait()
            os.waitpid(app, 0)


def ports_of(proxy):
    """As its log tells them, by listener."""
    ports = {}
    while len(ports) < 2:
        line = proxy.stderr.readline()
        if not line:
            raise SystemExit("outrider did not start")
        if found := re.search(r"(\w+) listening on 127\.0\.0\.1:(\d+)", line):
            ports[found[1]] = int(found[2])
    return ports


def main():
    binary = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 8000
    shapes = sys.argv[3:] or ["silent", "h1", "h1tls", "h2", "h2tls", "poll", "websocket"]
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for shape in shapes:
        run(binary, min(count, most // 2 - 612 - FIRST), shape)


main()
