#!/bin/sh
# Everything at once, for a while: good clients, clients that come and go with a reset, the corpus of hostile
# requests over and over, streams, reloads, an upstream of two that is killed again and again, stops of
# the whole process. No good request fails; and when it is quiet again no exchange, no connection and no
# descriptor is left, each request has one line in the log, and the memory is what it was.
# OUTRIDER_SECONDS: how long, 5 by default; hours are well. OUTRIDER_SANITIZED: set = freed memory is kept
# for a while, and says nothing.
set -eu
: "${OUTRIDER:?the binary to test}"
command -v python3 >/dev/null || { echo "skipped: there is no python3"; exit 77; }
here=$(cd "$(dirname "$0")" && pwd)
OUTRIDER_CHAOS=$(mktemp -d)
pids=
clean_up() {
  : >"$OUTRIDER_CHAOS/over"
  for each in $pids $(cat "$OUTRIDER_CHAOS/one.pid" 2>/dev/null); do kill -9 "$each" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$OUTRIDER_CHAOS"
}
trap clean_up EXIT
cd "$OUTRIDER_CHAOS"
. "$here/lib/common.sh"
seconds=${OUTRIDER_SECONDS:-5}
free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
one=$(free_port) two=$(free_port) egress=$(free_port) admin=$(free_port)
serve "127.0.0.1:$two"
pids="$pids $!"
(
  while [ ! -e over ]; do
    serve "127.0.0.1:$one"
    echo $! >one.pid
    sleep 1
    kill -9 "$(cat one.pid)" && wait 2>/dev/null || true
  done
) 2>/dev/null &
pids="$pids $!"
cat >outrider.yaml <<YAML
version: 1
workers: 2
access_log: { to: access.log }
admin: { bind: "127.0.0.1:$admin" }
listeners:
  egress:
    bind: "127.0.0.1:$egress"
    routes:
      - { match: { path: /other/* }, to: app, filters: [throttle: { rate: 9/s }] }
      - { match: { path: /stream }, to: steady }
      - to: app
clusters:
  app:
    endpoints: ["127.0.0.1:$one", "127.0.0.1:$two"]
    filters: [retry: { budget: { ratio: 100% } }, circuit_breaker: { failure_ratio: 100% }]
  steady: { url: "http://127.0.0.1:$two" }
YAML
"$OUTRIDER" run outrider.yaml 2>outrider.log &
outrider=$!
pids="$pids $outrider"
answers() { [ "$(ask "$egress" / 1 1)" = "200:1" ]; }
await answers

cat >soak.py <<'PY'
import collections, http.client, json, os, signal, socket, struct, sys, threading, time
port, process, seconds, corpus = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
until = time.monotonic() + seconds
seen = collections.Counter()
def repeatedly(action):
    while time.monotonic() < until: action()
def good():
    client = http.client.HTTPConnection('127.0.0.1', port, timeout=60)
    def ask():
        client.request('GET', '/')
        answer = client.getresponse(); answer.read()
        seen['good' if answer.status == 200 else 'good: %d %s' % (answer.status, answer.headers)] += 1
    repeatedly(ask)
    client.close()
def leave():  # some at once, some with a request under way
    peer = socket.create_connection(('127.0.0.1', port))
    if seen['left'] % 2: peer.sendall(b'GET /slow HTTP/1.1\r\nhost: a\r\n\r\n')
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    peer.close()
    seen['left'] += 1
    time.sleep(0.002)
cases = [json.loads(line) for line in open(corpus)]
def attack():
    case = cases[seen['attacks'] % len(cases)]
    seen['attacks'] += 1
    wire = case.get('send')
    if not isinstance(wire, str): return
    peer = socket.create_connection(('127.0.0.1', port), timeout=0.05)
    try:
        peer.sendall(wire.encode('latin-1', 'replace'))
        while peer.recv(65536): pass
    except OSError: pass
    peer.close()
def stream():
    client = http.client.HTTPConnection('127.0.0.1', port, timeout=600)
    client.request('GET', '/stream')
    lines = client.getresponse().read().decode()
    seen['streams' if 'last' in lines else 'streams: cut'] += 1
def stop():
    os.kill(process, signal.SIGSTOP); time.sleep(0.1); os.kill(process, signal.SIGCONT); time.sleep(0.9)
def reload():
    os.kill(process, signal.SIGHUP); time.sleep(0.3)
threads = [threading.Thread(target=good) for _ in range(8)]
threads += [threading.Thread(target=stream) for _ in range(4)]
threads += [threading.Thread(target=repeatedly, args=(each,)) for each in (leave, attack, attack, stop, reload)]
for thread in threads: thread.start()
time.sleep(seconds)
open('over', 'w').close()
for thread in threads: thread.join()
print(dict(seen))
sys.exit(any(key.startswith(('good:', 'streams:')) for key in seen) or seen['good'] == 0)
PY
resident() { awk '/^VmRSS/ { print $2 }' "/proc/$outrider/status"; }
descriptors() { ls "/proc/$outrider/fd" | wc -l; }
metric() {
  python3 -c 'import sys, urllib.request
print(urllib.request.urlopen("http://127.0.0.1:%s/metrics" % sys.argv[1], timeout=60).read().decode())' \
    "$admin" | grep "^$1"
}
before=$(resident) open=$(descriptors)
python3 soak.py "$egress" "$outrider" "$seconds" "$here/../corpora/proxy-cases/h1_requests.jsonl" >soak.out 2>&1 ||
  fail "$(cat soak.out)"
is_quiet() {
  metric 'outrider_requests_in_flight{listener="egress"} 0$' &&
    metric 'outrider_downstream_connections{listener="egress"} 0$' && metric 'outrider_generations 2$' &&
    [ "$(descriptors)" -le $((open + 20)) ]
}
await is_quiet
total=$(metric 'outrider_requests_total{' | awk '{ sum += $NF } END { print sum }')
python3 -c 'import json, sys
lines = [json.loads(line) for line in open("access.log")]
sys.exit(len(lines) != int(sys.argv[1]) and "%d lines for %s requests" % (len(lines), sys.argv[1]))' "$total" ||
  fail "the log is another one"
after=$(resident)
[ -n "${OUTRIDER_SANITIZED:-}" ] || [ "$after" -lt $((before + 24 * 1024)) ] ||
  fail "resident: $before KiB, then $after KiB"
echo "  $(cat soak.out); $total lines; resident $before KiB, then $after KiB"
