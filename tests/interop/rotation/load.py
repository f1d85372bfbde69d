"""load.py PORT SECONDS: asks by that port, each time on a connection of its own, until the time is
over; says how many were answered, and ends with 1 if one was not by 200."""
import asyncio
import sys
import time


async def ask(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    return answer


async def client(port, until, seen):
    while time.monotonic() < until:
        answer = await ask(port)
        seen.append(answer.startswith(b"HTTP/1.1 200"))
        if not seen[-1]:
            print(answer.decode(errors="replace"))


async def run(port, seconds):
    seen = []
    until = time.monotonic() + seconds
    await asyncio.gather(*(client(port, until, seen) for _ in range(16)))
    print(f"{sum(seen)} of {len(seen)} requests answered by 200")
    return 0 if seen and all(seen) else 1


sys.exit(asyncio.run(run(int(sys.argv[1]), float(sys.argv[2]))))
