#!/bin/sh
# The process is stopped and goes on: what was under way is finished, whoever came meanwhile is served, and
# streams live on. OUTRIDER_STOPPED_FOR: seconds, 5 by default.
set -eu
: "${OUTRIDER:?the binary to test}"
command -v python3 >/dev/null || { echo "skipped: there is no python3"; exit 77; }
here=$(cd "$(dirname "$0")" && pwd)
OUTRIDER_CHAOS=$(mktemp -d)
pids=
clean_up() {
  for each in $pids; do kill -9 "$each" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$OUTRIDER_CHAOS"
}
trap clean_up EXIT
cd "$OUTRIDER_CHAOS"
. "$here/lib/common.sh"
free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
app=$(free_port) egress=$(free_port)
serve "127.0.0.1:$app"
pids="$pids $!"
app_answers() { [ "$(ask "$app" /health 1 1)" = "200:1" ]; }
await app_answers
cat >outrider.yaml <<YAML
version: 1
workers: 2
access_log: { format: none }
listeners:
  egress: { bind: "127.0.0.1:$egress", routes: [{ to: app }] }
clusters:
  app:
    url: "http://127.0.0.1:$app"
    health: { path: /health, interval: 200ms, timeout: 1s }
    filters: [timeout: { total: 5m }, retry: {}, circuit_breaker: {}]
YAML
"$OUTRIDER" run outrider.yaml 2>outrider.log &
outrider=$!
pids="$pids $outrider"
answers() { [ "$(ask "$egress" / 1 1)" = "200:1" ]; }
await answers
python3 -c 'import sys, urllib.request
answer = urllib.request.urlopen("http://127.0.0.1:%s/stream" % sys.argv[1], timeout=300)
for line in answer: print(line.decode(), flush=True)' "$egress" >stream.out &
stream=$!
await grep -q first stream.out

# Some are answered while nobody reads it, some have connected only; each waits for ten minutes.
cat >held.py <<'PY'
import http.client, os, signal, sys, time
port, process, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
def connected():
    client = http.client.HTTPConnection('127.0.0.1', port, timeout=600)
    client.connect()
    return client
before = [connected() for _ in range(8)]
for client in before: client.request('GET', '/slow')
time.sleep(0.2)
os.kill(process, signal.SIGSTOP)
meanwhile = [connected() for _ in range(8)]
for client in meanwhile: client.request('GET', '/')
time.sleep(seconds)
os.kill(process, signal.SIGCONT)
statuses = [client.getresponse().status for client in before + meanwhile]
print(statuses.count(200), 'of', len(statuses))
PY
got=$(python3 held.py "$egress" "$outrider" "${OUTRIDER_STOPPED_FOR:-5}")
[ "$got" = "16 of 16" ] || fail "after the stop: $got were answered"
: >over
wait "$stream" || fail "the stream was cut"
grep -q last stream.out || fail "the stream did not go on"
after=$(ask "$egress" / 10 8)
[ "$after" = "200:80" ] || fail "afterwards: $after"
if grep -q unhealthy outrider.log; then fail "the stop was taken for a failure of the app"; fi
echo "  stopped for ${OUTRIDER_STOPPED_FOR:-5} s: $got, the stream goes on; then $after"
