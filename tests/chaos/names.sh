#!/bin/sh
# A real name server (dnsmasq) that changes its answers under load, says that a name does not exist, and
# dies: no request is lost, the last good addresses stay, and the log says so. In namespaces of its own
# for the network and for resolv.conf; exit status 77 = skipped, where that is not permitted.
set -eu
: "${OUTRIDER:?the binary to test}"
if [ -z "${OUTRIDER_CHAOS:-}" ]; then
  for tool in dnsmasq python3 ip unshare; do
    command -v "$tool" >/dev/null || { echo "skipped: there is no $tool"; exit 77; }
  done
  unshare --net --mount true 2>/dev/null || { echo "skipped: no namespaces can be made here"; exit 77; }
  OUTRIDER_CHAOS=$(mktemp -d)
  export OUTRIDER_CHAOS
  trap 'rm -rf "$OUTRIDER_CHAOS"' EXIT
  unshare --net --mount --pid --fork --kill-child sh "$0"
  exit
fi

cd "$OUTRIDER_CHAOS"
fail() {
  echo "NOT AS EXPECTED: $1" >&2
  for log in outrider.log dnsmasq.log client.log; do tail -n 20 "$log" >&2; done
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

ip link set lo up
echo 'nameserver 127.0.0.1' >resolv.conf
mount --bind resolv.conf /etc/resolv.conf
mkdir hosts
# answer ADDRESS...: of app.test, from now on.
answer() {
  : >new
  for address in "$@"; do echo "$address app.test" >>new; done
  mv new hosts/all
  kill -HUP "$dns"
}
start_dns() {
  dnsmasq --keep-in-foreground --log-facility=- --no-resolv --no-hosts --hostsdir="$OUTRIDER_CHAOS/hosts" --local-ttl=0 \
    --listen-address=127.0.0.1 --bind-interfaces --user=root --local=/test/ \
    --srv-host=_http._tcp.app.test,app.test,8080,10,5 >>dnsmasq.log 2>&1 &
  dns=$!
}
echo '127.0.0.2 app.test' >hosts/all
start_dns

cat >peers.py <<'PY'
import http.server, sys, threading
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    def do_GET(self):
        body = self.server.server_address[0].encode()
        self.send_response(200); self.send_header('content-length', str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
for last in (2, 3, 4):
    server = http.server.ThreadingHTTPServer(('127.0.0.%d' % last, 8080), Handler)
    threading.Thread(target=server.serve_forever).start()
PY
python3 peers.py &

# Asks over and over, at both listeners; what failed is in client.log.
cat >client.py <<'PY'
import http.client, os, sys
connections = [http.client.HTTPConnection('127.0.0.1', port, timeout=10) for port in (9001, 9002)]
count = failed = 0
while not os.path.exists('over'):
    for each in connections:
        each.request('GET', '/')
        answer = each.getresponse()
        body = answer.read()
        count += 1
        if answer.status != 200:
            failed += 1
            print(answer.status, body, flush=True)
print(count, 'requests,', failed, 'failed')
sys.exit(0 if count > 0 and failed == 0 else 1)
PY

cat >outrider.yaml <<'YAML'
version: 1
workers: 2
access_log: { format: none }
listeners:
  named: { bind: "127.0.0.1:9001", routes: [{ to: named }] }
  srv: { bind: "127.0.0.1:9002", routes: [{ to: srv }] }
clusters:
  named: { url: "http://app.test:8080", dns: { min_ttl: 100ms } }
  srv: { discovery: { srv: _http._tcp.app.test }, dns: { min_ttl: 100ms } }
YAML
"$OUTRIDER" run outrider.yaml 2>outrider.log &
get() {
  python3 -c 'import sys, urllib.request
print(urllib.request.urlopen("http://127.0.0.1:%s/" % sys.argv[1], timeout=5).read().decode())' "$1"
}
is() { [ "$(get 9001)" = "$1" ] && [ "$(get 9002)" = "$1" ]; }
await is 127.0.0.2
python3 client.py >client.log 2>&1 &
client=$!

for address in 127.0.0.3 127.0.0.4 127.0.0.2 127.0.0.3; do
  answer "$address"
  await is "$address"
done
answer 127.0.0.2 127.0.0.3 127.0.0.4
answer 127.0.0.4
await is 127.0.0.4

answer                                      # NXDOMAIN
await grep -q 'cluster named: app.test: .*what it stood for stays' outrider.log
is 127.0.0.4 || fail "a name that does not exist any more took the service away"
answer 127.0.0.2
await is 127.0.0.2
await grep -q 'cluster named: app.test is resolved again' outrider.log

kill "$dns"
wait "$dns" 2>/dev/null || true
await grep -q 'cluster srv: _http._tcp.app.test: .*what was listed before stays' outrider.log
is 127.0.0.2 || fail "without a name server the service was gone"
echo '127.0.0.3 app.test' >hosts/all
start_dns
await is 127.0.0.3

touch over
wait "$client" || fail "requests failed"
cat client.log
