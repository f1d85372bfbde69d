"""STUN (RFC 5389) in little: `serve` answers binding requests with the address that they came from,
`ask PORT` sends some from two sockets and says what it learned."""
import os
import socket
import struct
import sys

COOKIE = 0x2112A442
BINDING, ANSWER, XOR_MAPPED = 0x0001, 0x0101, 0x0020


def serve():
    here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    here.bind(("127.0.0.1", 0))
    print("peer listening on 127.0.0.1:%d" % here.getsockname()[1], flush=True)
    while True:
        request, (ip, port) = here.recvfrom(65536)
        kind, _, cookie = struct.unpack("!HHI", request[:8])
        if kind != BINDING or cookie != COOKIE:
            continue
        number = struct.unpack("!I", socket.inet_aton(ip))[0]
        value = struct.pack("!BBHI", 0, 1, port ^ COOKIE >> 16, number ^ COOKIE)
        body = struct.pack("!HH", XOR_MAPPED, len(value)) + value
        head = struct.pack("!HHI", ANSWER, len(body), COOKIE) + request[8:20]
        here.sendto(head + body, (ip, port))


def ask(there):
    """The port that the server sees, as one transaction tells it."""
    name = os.urandom(12)
    there.send(struct.pack("!HHI", BINDING, 0, COOKIE) + name)
    answer = there.recv(65536)
    assert answer[:2] == struct.pack("!H", ANSWER) and answer[8:20] == name
    return struct.unpack("!H", answer[26:28])[0] ^ COOKIE >> 16


def client(port):
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.settimeout(10)
    made.connect(("127.0.0.1", port))
    return made


if sys.argv[1] == "serve":
    serve()
first, second = client(int(sys.argv[2])), client(int(sys.argv[2]))
ports = [ask(first), ask(second), ask(first), ask(second)]
assert ports[0] == ports[2] and ports[1] == ports[3] and ports[0] != ports[1], ports
print("two clients, two sessions, 4 binding requests answered")
