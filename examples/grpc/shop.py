"""A small gRPC service, and its client. `serve` prints where it listens; `ask ADDRESS` prints what
came of each call. Messages are plain bytes, so that nothing has to be generated."""

import concurrent.futures
import sys
import threading

import grpc

calls = {"Flaky": 0}


def hello(request, context):
    return b"hello, " + request


def flaky(request, context):
    """Every other call finds the service unavailable."""
    calls["Flaky"] += 1
    if calls["Flaky"] % 2 == 1:
        context.abort(grpc.StatusCode.UNAVAILABLE, "try again")
    return b"call %d" % calls["Flaky"]


def watch(request, context):
    """Says one word, and then nothing for as long as the caller stays."""
    over = threading.Event()
    context.add_callback(over.set)
    yield b"news"
    over.wait(30)


def serve():
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
    handlers = {
        "Hello": grpc.unary_unary_rpc_method_handler(hello),
        "Flaky": grpc.unary_unary_rpc_method_handler(flaky),
        "Watch": grpc.unary_stream_rpc_method_handler(watch),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.Shop", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


def ask(address):
    with grpc.insecure_channel(address) as channel:
        print("Hello:", channel.unary_unary("/shop.Shop/Hello")(b"world").decode())
        print("Flaky:", channel.unary_unary("/shop.Shop/Flaky")(b"").decode())
        watching = channel.unary_stream("/shop.Shop/Watch")(b"", timeout=0.5)
        print("Watch:", next(watching).decode())
        try:
            next(watching)
        except grpc.RpcError as error:
            print("Watch:", error.code().name)


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    else:
        ask(sys.argv[2])
