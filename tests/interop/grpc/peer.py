"""A gRPC service and a client of it that checks every kind of call: Python's grpcio, plain bytes as
messages. `serve` prints where it listens; `check ADDRESS [CA]` exits non-zero if something was not so."""

import concurrent.futures
import sys
import threading
import time

import grpc

LARGEST = 4 * 1024 * 1024 + 1024
OPTIONS = [("grpc.max_receive_message_length", LARGEST), ("grpc.max_send_message_length", LARGEST)]
DETAILS = "h\u00f6flich: \t100 %\r\nzweite Zeile"


class Service:
    """What each method does, and which calls it saw cancelled."""

    def __init__(self):
        self.cancelled = {}
        self.changed = threading.Condition()

    def note(self, name):
        with self.changed:
            self.cancelled[name] = self.cancelled.get(name, 0) + 1
            self.changed.notify_all()

    def echo(self, request, context):
        return request

    def count(self, request, context):
        for number in range(int(request)):
            yield b"%d" % number

    def sizes(self, requests, context):
        return b"%d" % sum(len(request) for request in requests)

    def converse(self, requests, context):
        for request in requests:
            yield request

    def metadata(self, request, context):
        sent = dict(context.invocation_metadata())
        context.send_initial_metadata((("x-head", sent["x-asked"]),))
        context.set_trailing_metadata((("x-tail-bin", sent["x-asked-bin"]),))
        return b""

    def fail(self, request, context):
        context.set_trailing_metadata((("x-why", "asked"),))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, DETAILS)

    def fail_late(self, request, context):
        yield b"one"
        context.abort(grpc.StatusCode.DATA_LOSS, "late")

    def hang(self, request, context):
        over = threading.Event()
        context.add_callback(over.set)
        yield b"begun"
        over.wait(20)
        self.note(request.decode())

    def was_cancelled(self, request, context):
        name = request.decode()
        with self.changed:
            seen = self.changed.wait_for(lambda: name in self.cancelled, 10)
        return b"yes" if seen else b"no"

    def left(self, request, context):
        return b"%f" % context.time_remaining()

    def compressed(self, request, context):
        context.set_compression(grpc.Compression.Gzip)
        return request


METHODS = {
    "Echo": (grpc.unary_unary_rpc_method_handler, "echo"),
    "Count": (grpc.unary_stream_rpc_method_handler, "count"),
    "Sizes": (grpc.stream_unary_rpc_method_handler, "sizes"),
    "Converse": (grpc.stream_stream_rpc_method_handler, "converse"),
    "Metadata": (grpc.unary_unary_rpc_method_handler, "metadata"),
    "Fail": (grpc.unary_unary_rpc_method_handler, "fail"),
    "FailLate": (grpc.unary_stream_rpc_method_handler, "fail_late"),
    "Hang": (grpc.unary_stream_rpc_method_handler, "hang"),
    "WasCancelled": (grpc.unary_unary_rpc_method_handler, "was_cancelled"),
    "Left": (grpc.unary_unary_rpc_method_handler, "left"),
    "Compressed": (grpc.unary_unary_rpc_method_handler, "compressed"),
}


def serve():
    service = Service()
    handlers = {name: make(getattr(service, method)) for name, (make, method) in METHODS.items()}
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(16), options=OPTIONS)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.T", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


class Checks:
    def __init__(self, channel):
        self.channel = channel
        self.tag = f"{time.time_ns()}"

    def method(self, name, kind="unary_unary"):
        return getattr(self.channel, kind)(f"/test.T/{name}")

    def check_unary(self):
        assert self.method("Echo")(b"hello") == b"hello"
        assert self.method("Echo")(b"") == b""

    def check_4_mib(self):
        large = bytes(range(256)) * (4 * 1024 * 4)
        assert len(large) == 4 * 1024 * 1024
        assert self.method("Echo")(large) == large

    def check_server_streaming(self):
        got = list(self.method("Count", "unary_stream")(b"1000"))
        assert got == [b"%d" % number for number in range(1000)]

    def check_client_streaming(self):
        pieces = (b"x" * size for size in range(1000))
        assert self.method("Sizes", "stream_unary")(pieces) == b"499500"

    def check_bidirectional(self):
        answers = threading.Semaphore(1)

        def turns():
            for number in range(200):
                answers.acquire()
                yield b"%d" % number

        seen = 0
        for answer in self.method("Converse", "stream_stream")(turns()):
            assert answer == b"%d" % seen
            seen += 1
            answers.release()
        assert seen == 200

    def check_metadata(self):
        sent = (("x-asked", "head"), ("x-asked-bin", b"\x00\xff"))
        answer, call = self.method("Metadata").with_call(b"", metadata=sent)
        assert dict(call.initial_metadata())["x-head"] == "head"
        assert dict(call.trailing_metadata())["x-tail-bin"] == b"\x00\xff"

    def check_status(self):
        try:
            self.method("Fail")(b"")
            raise AssertionError("it did not fail")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.FAILED_PRECONDITION, error
            assert error.details() == DETAILS, error
            assert dict(error.trailing_metadata())["x-why"] == "asked"

    def check_late_status(self):
        call = self.method("FailLate", "unary_stream")(b"")
        assert next(call) == b"one"
        try:
            next(call)
            raise AssertionError("it did not fail")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.DATA_LOSS, error

    def check_unknown_method(self):
        try:
            self.method("Nothing")(b"")
            raise AssertionError("there is one")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error

    def check_client_cancels(self):
        name = f"cancelled {self.tag}".encode()
        call = self.method("Hang", "unary_stream")(name)
        assert next(call) == b"begun"
        call.cancel()
        assert self.method("WasCancelled")(name) == b"yes"

    def check_deadline_within_a_stream(self):
        name = f"late {self.tag}".encode()
        call = self.method("Hang", "unary_stream")(name, timeout=0.5)
        assert next(call) == b"begun"
        try:
            next(call)
            raise AssertionError("it went on")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
        assert self.method("WasCancelled")(name) == b"yes"

    def check_deadline_shrinks(self):
        left = float(self.method("Left")(b"", timeout=5))
        assert 3 < left < 5.1, left  # grpcio rounds up what it sends

    def check_compression(self):
        text = b"again and again " * 4096
        call = self.method("Compressed")
        assert call(text, compression=grpc.Compression.Gzip) == text
        assert call(text, compression=grpc.Compression.Deflate) == text


def check(address, ca):
    if ca:
        with open(ca, "rb") as file:
            credentials = grpc.ssl_channel_credentials(file.read())
        channel = grpc.secure_channel(address, credentials, OPTIONS)
    else:
        channel = grpc.insecure_channel(address, OPTIONS)
    checks = Checks(channel)
    failed = 0
    for name in sorted(dir(checks)):
        if not name.startswith("check_"):
            continue
        try:
            getattr(checks, name)()
            print("ok", name[6:])
        except (AssertionError, grpc.RpcError, StopIteration) as error:
            failed += 1
            print("NOT ok", name[6:], repr(error))
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve()
    elif sys.argv[1:2] == ["check"] and len(sys.argv) in (3, 4):
        sys.exit(check(sys.argv[2], sys.argv[3] if len(sys.argv) == 4 else None))
    else:
        sys.exit("peer.py serve | check ADDRESS [CA]")
