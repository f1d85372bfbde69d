"""Tells numbered events, from the one behind last-event-id on: two, then silence for two seconds, then one
more. What it sees of clients that leave it prints."""
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Events(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        first = int(self.headers.get("last-event-id", 0)) + 1
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        try:
            for number in range(first, first + 3):
                self.wfile.write(f"id: {number}\ndata: event {number}\n\n".encode())
                if number == first + 1:
                    time.sleep(2)
            while self.path == "/forever":
                time.sleep(0.05)
                self.wfile.write(b"data: more\n\n")
        except OSError:
            print("the client has left", flush=True)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Events)
server.daemon_threads = True
print(f"peer listening on 127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
