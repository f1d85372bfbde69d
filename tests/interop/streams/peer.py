"""Held polls and server-sent events, with nothing but Python's own library.

peer.py serve              an application: /poll is held until /release is asked, /events?N tells one
                           event each 10 ms, each with the time at which it was written
peer.py polls PORT N PID   holds N polls by that port; says what each costs the process PID
peer.py events PORT N      reads N events; says how late they came
"""
import asyncio
import sys
import time

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
PROMISED = 5  # ms
EVENTS = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


class App:
    def __init__(self):
        self.held = 0
        self.released = asyncio.Event()

    async def serve(self, reader, writer):
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self.answer(head.split(b" ")[1].decode(), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    async def answer(self, path, writer):
        if path == "/held":
            text = str(self.held).encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(text), text))
        elif path == "/release":
            self.released.set()
            writer.write(NO_CONTENT)
        elif path == "/poll":
            self.held += 1
            await self.released.wait()
            writer.write(NO_CONTENT)
        else:
            writer.write(EVENTS)
            for _ in range(int(path.split("?")[1])):
                await asyncio.sleep(0.01)
                writer.write(b"data: %d\n\n" % time.monotonic_ns())
            writer.close()


async def serve():
    app = App()
    server = await asyncio.start_server(app.serve, "127.0.0.1", 0, backlog=4096)
    print(f"peer listening on 127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.Future()


async def ask(port, path):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nhost: a.test\r\n\r\n".encode())
    return reader, writer


async def read_answer(reader):
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
    assert head.startswith(b"HTTP/1.1 20"), head
    length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    return await reader.readexactly(int(length[0].split(b":")[1])) if length else b""


def resident(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


async def held(port):
    reader, writer = await ask(port, "/held")
    count = int(await read_answer(reader))
    writer.close()
    return count


async def polls(port, count, pid):
    await held(port)
    before = resident(pid)
    waiting = []
    for start in range(0, count, 100):
        waiting += await asyncio.gather(
            *(ask(port, "/poll") for _ in range(min(100, count - start))))
    while await held(port) < count:
        await asyncio.sleep(0.1)
    cost = (resident(pid) - before) * 1024 / count
    await ask(port, "/release")
    answers = await asyncio.gather(*(read_answer(reader) for reader, _ in waiting))
    assert len(answers) == count
    print(f"{count} held polls, each answered in the end: {cost:.0f} bytes each")


async def events(port, count):
    reader, _ = await ask(port, f"/events?{count}")
    late = []
    async for line in reader:
        at = line.find(b"data: ")
        if at >= 0:
            late.append((time.monotonic_ns() - int(line[at + 6:])) / 1e6)
    assert len(late) == count, len(late)
    late.sort()
    most = late[count * 99 // 100]
    remark = "" if most <= PROMISED else f" (more than {PROMISED} ms: is this machine quiet?)"
    print(f"{count} events: half within {late[count // 2]:.2f} ms, 99 % within {most:.2f} ms{remark}, "
          f"all within {late[-1]:.2f} ms")


if sys.argv[1] == "serve":
    asyncio.run(serve())
elif sys.argv[1] == "polls":
    asyncio.run(polls(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
else:
    asyncio.run(events(int(sys.argv[2]), int(sys.argv[3])))
