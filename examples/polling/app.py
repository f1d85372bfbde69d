"""/short answers 204 at once; /long/N is held until /tell/N says what to answer. What came is printed."""
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

told = {}
something_new = threading.Condition()


class Polls(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        os.write(1, f"{self.path}\n".encode())  # whole, whoever else writes
        kind, _, number = self.path[1:].partition("/")
        with something_new:
            if kind == "tell":
                told[number] = "news\n"
                something_new.notify_all()
            while kind == "long" and number not in told:
                something_new.wait()
        text = told[number].encode() if kind == "long" else b""
        self.send_response(200 if text else 204)
        if text:
            self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128


server = Server(("127.0.0.1", 0), Polls)
server.daemon_threads = True
print(f"peer listening on 127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
