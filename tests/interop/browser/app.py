"""What a browser's pages talk to, with nothing but Python's own library: the pages themselves, as many
event streams as they open, a WebSocket that echoes, two that hear each other, and what a page has found
out, which is printed. app.py PAGE PEER_PAGE"""
import asyncio
import base64
import hashlib
import sys

STREAMS = 12
OK = "HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n"


async def frames(reader):
    """Each masked frame's opcode and text; the browser's are short here."""
    while True:
        head = await reader.readexactly(2)
        size = head[1] & 127
        if size == 126:
            size = int.from_bytes(await reader.readexactly(2), "big")
        mask = await reader.readexactly(4)
        text = await reader.readexactly(size)
        yield head[0] & 15, bytes(byte ^ mask[i % 4] for i, byte in enumerate(text))


def accept(key, writer):
    token = base64.b64encode(hashlib.sha1(
        key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
    writer.write(("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
                  f"sec-websocket-accept: {token}\r\n\r\n").encode())


def frame(opcode, text):
    size = bytes([len(text)]) if len(text) < 126 else b"\x7e" + len(text).to_bytes(2, "big")
    return bytes([0x80 | opcode]) + size + text


async def echo(key, reader, writer):
    accept(key, writer)
    async for opcode, text in frames(reader):
        writer.write(frame(opcode, text))
        if opcode == 8:
            return


async def signal(number, key, reader, writer):
    """What one says the other hears, also if it was said before that one came."""
    accept(key, writer)
    ends[number].set_result(writer)
    async for opcode, text in frames(reader):
        if opcode == 8:
            return
        other = await ends[1 - number]
        other.write(frame(opcode, text))


async def events(number, writer):
    """One at once; the others only when all streams are open, which six connections do not allow."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
    opened.add(number)
    if len(opened) == STREAMS:
        all_open.set()
    await all_open.wait()
    writer.write(b"data: %d\n\n" % number)
    await asyncio.sleep(30)


async def serve(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split(" ")[1]
            fields = {line.split(":")[0].lower(): line.split(":", 1)[1].strip()
                      for line in head.split("\r\n")[1:] if ":" in line}
            body = await reader.readexactly(int(fields.get("content-length", 0)))
            if path == "/echo":
                return await echo(fields["sec-websocket-key"], reader, writer)
            if path.startswith("/signal/"):
                return await signal(int(path[-1]), fields["sec-websocket-key"], reader, writer)
            if path.startswith("/events/"):
                return await events(int(path.split("/")[2]), writer)
            if path == "/found":
                print("found", body.decode(), flush=True)
            answer = pages.get(path.split("?")[0], b"")
            writer.write((OK % ("text/html", len(answer))).encode() + answer)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def run():
    ends.extend(asyncio.get_running_loop().create_future() for _ in range(2))
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(f"peer listening on 127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.Future()


opened, all_open, ends, pages = set(), asyncio.Event(), [], {}
for path, name in (("/", sys.argv[1]), ("/peer", sys.argv[2])):
    with open(name, "rb") as file:
        pages[path] = file.read().replace(b"STREAMS", str(STREAMS).encode())
asyncio.run(run())
