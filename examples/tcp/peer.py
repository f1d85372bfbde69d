"""A service of a protocol of its own, and a client of it, with nothing but Python's own library.

peer.py serve [PORT]   says what it is, then sends back each line; stops when its client says so
peer.py talk PORT      checks that, and that the end of one direction leaves the other open
"""
import socket
import sys


def serve(port):
    listening = socket.create_server(("127.0.0.1", port))
    print(f"peer listening on 127.0.0.1:{listening.getsockname()[1]}", flush=True)
    connection, _ = listening.accept()
    listening.close()
    with connection, connection.makefile("rwb") as stream:
        stream.write(b"lines 1.0\n")
        stream.flush()
        count = 0
        for line in stream:
            stream.write(line)
            stream.flush()
            count += 1
        stream.write(f"{count} lines\n".encode())


def talk(port):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection, \
            connection.makefile("rwb") as stream:
        assert stream.readline() == b"lines 1.0\n"
        for line in (b"one\n", b"two\n", b"x" * 100_000 + b"\n"):
            stream.write(line)
            stream.flush()
            assert stream.readline() == line
        connection.shutdown(socket.SHUT_WR)
        assert stream.read() == b"3 lines\n"
    print("a greeting, 3 lines and the last word came through")


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
else:
    talk(int(sys.argv[2]))
