#!/bin/sh
# The admin side's page in a real browser (Debian: chromium): it loads without an error on the console, shows
# a failure within a second, and an operator opens a breaker by its button. CHROMIUM: another program.
# SCREENSHOTS: a folder for pictures of it, light, dark and on a phone.
: "${OUTRIDER:?}"
. "$(dirname "$0")/../../../examples/common.sh"
cd ..
here=tests/interop/page
CHROMIUM=${CHROMIUM:-chromium}
for program in python3 "$CHROMIUM"; do
  command -v "$program" >/dev/null || { echo "skipped: page: there is no $program"; exit 0; }
done
python3 -c 'import http.server, sys
class App(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        status = 500 if self.path.startswith("/wrong") else 200
        self.send_response(status); self.send_header("content-length", "0"); self.end_headers()
    def log_message(self, *words): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), App)
print("app listening on 127.0.0.1:%d" % server.server_port, flush=True)
server.serve_forever()' >"$DIR/app.out" 2>&1 &
pids="$pids $!"
await_port "$DIR/app.out" 'app listening on'
APP_PORT=$(sed -n 's/.*:\([0-9]*\)$/\1/p' "$DIR/app.out")
export APP_PORT
start_outrider "$here/outrider.yaml" egress
egress=$port
await_port "$DIR/egress.out" 'admin listening'
admin=$(sed -n 's/.*admin listening on 127.0.0.1:\([0-9]*\).*/\1/p' "$DIR/egress.out")
# As root a browser has no sandbox of its own; what it loads here is our own page.
timeout 100 "$CHROMIUM" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage \
  --user-data-dir="$DIR/profile" --remote-debugging-port=0 about:blank >"$DIR/browser.out" 2>&1 &
pids="$pids $!"
await_port "$DIR/browser.out" 'DevTools listening on ws:'
debug=$(sed -n 's/^DevTools listening on ws:..127.0.0.1:\([0-9]*\).*/\1/p' "$DIR/browser.out")
python3 "$here/look.py" "$debug" "$admin" "$egress" "${SCREENSHOTS:-}" || fail "the page is not as expected"
