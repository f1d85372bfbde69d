"""Python's `websockets` (Debian: python3-websockets) as client, and as server, through one URL.

peer.py serve           listens on a free port, says which, echoes each message
peer.py talk URL        a client: messages of many sizes, compressed and not, pings, close codes
peer.py idle URL N PID   N idle tunnels; says what each costs the processes PID[,PID...]
"""
import asyncio
import sys

import websockets


async def echo(connection):
    async for message in connection:
        if message == "close with 4001":
            await connection.close(4001, "as you wish")
            return
        await connection.send(message)


async def serve():
    async with websockets.serve(echo, "127.0.0.1", 0, max_size=2**25, backlog=4096,
                                ping_interval=None) as server:
        print(f"peer listening on 127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await asyncio.Future()


async def talk(url):
    for compression in (None, "deflate"):
        async with websockets.connect(url, compression=compression, max_size=2**25) as connection:
            for message in ("", "x", "hello" * 40, b"\x00\xff" * 40_000, b"z" * 2**24):
                await connection.send(message)
                assert await connection.recv() == message
            await (await connection.ping())
            await connection.send(["frag", "ment", "ed"])
            assert await connection.recv() == "fragmented"
            await connection.close(1000, "done")
            assert connection.close_code == 1000
    async with websockets.connect(url) as connection:
        await connection.send("close with 4001")
        try:
            await connection.recv()
        except websockets.ConnectionClosed as closed:
            assert (closed.rcvd.code, closed.rcvd.reason) == (4001, "as you wish")
    many = [websockets.connect(url) for _ in range(100)]
    opened = await asyncio.gather(*many)
    await asyncio.gather(*(each.send(str(i)) for i, each in enumerate(opened)))
    said = await asyncio.gather(*(each.recv() for each in opened))
    assert said == [str(i) for i in range(100)]
    await asyncio.gather(*(each.close() for each in opened))
    print("ok: sizes to 16 MiB, fragments, compression, pings, close codes, 100 at once")


def resident(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


async def idle(url, count, pids):
    async def opened():
        return await websockets.connect(url, compression=None, ping_interval=None,
                                        open_timeout=60)
    warm = await opened()
    await warm.send("x")
    await warm.recv()
    before = {pid: resident(pid) for pid in pids}
    connections = []
    for start in range(0, count, 100):
        connections += await asyncio.gather(*(opened() for _ in range(min(100, count - start))))
    for each in connections:
        await each.send("x")
        await each.recv()
    for pid in pids:
        cost = (resident(pid) - before[pid]) * 1024 / count
        print(f"{count} idle WebSockets: {cost:.0f} bytes each in process {pid}")
    for each in connections:
        each.transport.abort()


if sys.argv[1] == "serve":
    asyncio.run(serve())
elif sys.argv[1] == "talk":
    asyncio.run(talk(sys.argv[2]))
else:
    asyncio.run(idle(sys.argv[2], int(sys.argv[3]), sys.argv[4].split(",")))
