# What the scripts share; sourced behind `cd` to a folder of the script's own, which holds outrider.log.
fail() {
  tail -n 20 outrider.log >&2
  echo "NOT AS EXPECTED: $1" >&2
  exit 1
}
# await COMMAND...: until it succeeds, for 20 s at most.
await() {
  limit=$(($(date +%s) + 20))
  until "$@" >/dev/null 2>&1; do
    [ "$(date +%s)" -lt "$limit" ] || fail "in vain: $*"
    sleep 0.1
  done
}

# serve ADDRESS: listens there when it returns, as $!. /slow takes half a second, /stream tells "first", and
# "last" once there is a file `over`.
cat >peer.py <<'PY'
import http.server, os, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    def do_GET(self):
        # What a library leaves to its user: a body that is not read would be taken for a request.
        self.rfile.read(int(self.headers.get('content-length', 0)))
        if 'transfer-encoding' in self.headers: self.close_connection = True
        if self.path == '/stream': return self.stream()
        if self.path == '/slow': time.sleep(0.5)
        self.send_response(200); self.send_header('content-length', '1')
        if self.close_connection: self.send_header('connection', 'close')
        self.end_headers()
        self.wfile.write(b'x')
    def stream(self):
        self.send_response(200); self.send_header('content-type', 'text/event-stream')
        self.send_header('connection', 'close'); self.end_headers()
        self.wfile.write(b'data: first\n\n'); self.wfile.flush()
        while not os.path.exists('over'): time.sleep(0.1)
        self.wfile.write(b'data: last\n\n')
    def log_message(self, *_): pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1024
host, port = sys.argv[1].rsplit(':', 1)
server = Server((host, int(port)), Handler)
open('listens.%d' % os.getpid(), 'w').close()
server.serve_forever()
PY
serve() {
  python3 peer.py "$1" 2>/dev/null &
  while [ ! -e "listens.$!" ] && kill -0 $! 2>/dev/null; do sleep 0.05; done
}

# ask PORT PATH COUNT CLIENTS: how many got which status: "200:20"; "0" is none at all.
cat >ask.py <<'PY'
import collections, http.client, sys, threading
port, path, count, clients = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
seen = collections.Counter()
def ask():
    client = http.client.HTTPConnection('127.0.0.1', port, timeout=60)
    for _ in range(count):
        try:
            client.request('GET', path)
            answer = client.getresponse(); answer.read()
            seen[answer.status] += 1
        except (OSError, http.client.HTTPException):
            seen[0] += 1
            client.close()
threads = [threading.Thread(target=ask) for _ in range(clients)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(' '.join('%d:%d' % each for each in sorted(seen.items())))
PY
ask() { python3 ask.py "$@"; }

# metric NAME: its line as the admin side at 127.0.0.1:9000 says it.
metric() {
  python3 -c 'import urllib.request
print(urllib.request.urlopen("http://127.0.0.1:9000/metrics", timeout=20).read().decode())' | grep "^$1"
}
