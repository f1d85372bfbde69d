"""A WebSocket echo server, and a client that checks it, with nothing but Python's own library.

peer.py serve          listens on a free port, says which, and sends back each message
peer.py talk PORT      opens a WebSocket through that port, exchanges messages, closes it
"""
import base64
import hashlib
import os
import socket
import sys
import threading

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


def answer_to(key):
    guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    return base64.b64encode(hashlib.sha1((key + guid).encode()).digest()).decode()


def read_head(stream):
    lines = []
    for line in iter(stream.readline, b"\r\n"):
        if not line:
            return None
        lines.append(line.decode().strip())
    fields = dict(line.split(": ", 1) for line in lines[1:])
    return lines[0], {name.lower(): value for name, value in fields.items()}


def send_frame(stream, opcode, payload, masks):
    size = len(payload)
    head = bytes([0x80 | opcode])
    mask_bit = 0x80 if masks else 0
    if size < 126:
        head += bytes([mask_bit | size])
    elif size < 65536:
        head += bytes([mask_bit | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([mask_bit | 127]) + size.to_bytes(8, "big")
    mask = os.urandom(4) if masks else b""
    stream.write(head + mask + (masked(payload, mask) if masks else payload))
    stream.flush()


def masked(payload, mask):
    repeated = (mask * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(len(payload), "big")


def read_frame(stream):
    first, second = stream.read(2)
    size = second & 0x7F
    if size > 125:
        size = int.from_bytes(stream.read(2 if size == 126 else 8), "big")
    mask = stream.read(4) if second & 0x80 else None
    payload = stream.read(size)
    return first & 0x0F, masked(payload, mask) if mask else payload


def serve_one(connection):
    with connection, connection.makefile("rwb") as stream:
        head = read_head(stream)
        if not head:
            return
        stream.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + f"Sec-WebSocket-Accept: {answer_to(head[1]['sec-websocket-key'])}\r\n\r\n".encode())
        stream.flush()
        while True:
            opcode, payload = read_frame(stream)
            send_frame(stream, PONG if opcode == PING else opcode, payload, masks=False)
            if opcode == CLOSE:
                return


def serve():
    listening = socket.create_server(("127.0.0.1", 0))
    print(f"peer listening on 127.0.0.1:{listening.getsockname()[1]}", flush=True)
    while True:
        connection, _ = listening.accept()
        threading.Thread(target=serve_one, args=(connection,), daemon=True).start()


def talk(port):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection, \
            connection.makefile("rwb") as stream:
        key = base64.b64encode(os.urandom(16)).decode()
        stream.write(f"GET /chat HTTP/1.1\r\nHost: app.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        stream.flush()
        status, fields = read_head(stream)
        assert status.startswith("HTTP/1.1 101 "), status
        assert fields["sec-websocket-accept"] == answer_to(key), fields
        for message in (b"hello", b"x" * 200, b"y" * 1_000_000):
            send_frame(stream, TEXT, message, masks=True)
            assert read_frame(stream) == (TEXT, message)
        send_frame(stream, PING, b"?", masks=True)
        assert read_frame(stream) == (PONG, b"?")
        send_frame(stream, CLOSE, (1000).to_bytes(2, "big"), masks=True)
        assert read_frame(stream) == (CLOSE, (1000).to_bytes(2, "big"))
        assert stream.read() == b""
    print("3 messages, a ping and a close with code 1000 went through and came back")


if sys.argv[1] == "serve":
    serve()
else:
    talk(int(sys.argv[2]))
