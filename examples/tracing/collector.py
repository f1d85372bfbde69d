"""Takes spans (OTLP, JSON over HTTP), and prints a line for each: SERVICE KIND SPAN PARENT NAME OUTCOME."""
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

kinds = {2: "server", 3: "client"}


def lines_of(request):
    for resource in request["resourceSpans"]:
        service = next(a["value"]["stringValue"] for a in resource["resource"]["attributes"]
                       if a["key"] == "service.name")
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                about = {a["key"]: next(iter(a["value"].values())) for a in span["attributes"]}
                yield (f'{service} {kinds[span["kind"]]} {span["traceId"]} {span["spanId"]} '
                       f'{span.get("parentSpanId", "-")} {span["name"]} '
                       f'{about.get("http.response.status_code", about.get("error.type", "-"))}')


class Collector(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        is_right = self.path == "/v1/traces" and self.headers["content-type"] == "application/json"
        for line in lines_of(json.loads(body)) if is_right else []:
            print(line, flush=True)
        self.send_response(200 if is_right else 400)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
server.daemon_threads = True
print(f"collector listening on 127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
