#!/bin/sh
# The network between Outrider and its upstream: packets that are lost, a partition that comes in the
# middle of exchanges and heals, ports that run out. Loss costs time only; a partition costs what its
# timeout says, and nothing once it has healed; nothing spins. In a network namespace of its own; exit
# status 77 = skipped, where that is not permitted.
set -eu
: "${OUTRIDER:?the binary to test}"
if [ -z "${OUTRIDER_CHAOS:-}" ]; then
  for tool in nft python3 ip unshare; do
    command -v "$tool" >/dev/null || { echo "skipped: there is no $tool"; exit 77; }
  done
  unshare --net sh -c 'nft add table inet tried' 2>/dev/null ||
    { echo "skipped: no network namespace can be made here"; exit 77; }
  OUTRIDER_CHAOS=$(mktemp -d)
  export OUTRIDER_CHAOS
  trap 'rm -rf "$OUTRIDER_CHAOS"' EXIT
  unshare --net --mount --mount-proc --pid --fork --kill-child sh "$0"
  exit
fi

cd "$OUTRIDER_CHAOS"
fail() {
  echo "NOT AS EXPECTED: $1" >&2
  tail -n 20 outrider.log >&2
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
nft add table inet chaos
nft 'add chain inet chaos input { type filter hook input priority 0; }'
# drop PERCENT: of what comes to the upstream and goes from it.
drop() {
  nft flush chain inet chaos input
  case $1 in
    0) return ;;
    100) lost="" ;;
    *) lost="numgen random mod 100 < $1" ;;
  esac
  nft "add rule inet chaos input ip daddr 127.0.0.2 $lost drop
    add rule inet chaos input ip saddr 127.0.0.2 $lost drop"
}

cat >peer.py <<'PY'
import http.server, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    def do_GET(self):
        if self.path == '/slow': time.sleep(0.5)
        self.send_response(200); self.send_header('content-length', '1'); self.end_headers()
        self.wfile.write(b'x')
    def log_message(self, *_): pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1024
Server(('127.0.0.2', 8080), Handler).serve_forever()
PY
python3 peer.py 2>/dev/null &

# ask PATH COUNT CLIENTS: how many got which status: "20 200".
cat >ask.py <<'PY'
import collections, http.client, sys, threading
path, count, clients = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
seen = collections.Counter()
def ask():
    client = http.client.HTTPConnection('127.0.0.1', 9001, timeout=30)
    for _ in range(count):
        client.request('GET', path)
        answer = client.getresponse(); answer.read()
        seen[answer.status] += 1
threads = [threading.Thread(target=ask) for _ in range(clients)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(' '.join('%d:%d' % each for each in sorted(seen.items())))
PY
ask() { python3 ask.py "$@"; }

cat >outrider.yaml <<'YAML'
version: 1
workers: 1
access_log: { format: none }
listeners:
  egress:
    bind: "127.0.0.1:9001"
    routes:
      - match: { path: /impatient }
        filters: [timeout: { response: 700ms }]
        to: app
      - to: app
clusters:
  app: { url: "http://127.0.0.2:8080" }
YAML
"$OUTRIDER" run outrider.yaml 2>outrider.log &
outrider=$!
# Of its processor time, in hundredths of a second.
used() { awk '{ print $14 + $15 }' "/proc/$outrider/stat"; }
answers() { [ "$(ask / 1 1)" = "200:1" ]; }
await answers

drop 5
got=$(ask / 20 8)
[ "$got" = "200:160" ] || fail "with 5 % of the packets lost: $got"
drop 0
echo "  5 % lost: $got"

# Connections that are there take the request, and nothing comes back.
[ "$(ask /slow 1 4)" = "200:4" ] || fail "no connections to begin with"
drop 100
before=$(used)
got=$(ask /impatient 1 8)
[ "$got" = "504:8" ] || fail "in a partition: $got"
[ $(($(used) - before)) -lt 30 ] || fail "it spins in a partition"
drop 0
await answers
got=$(ask /impatient 5 8)
[ "$got" = "200:40" ] || fail "after the partition: $got"
echo "  partition: 504 at the timeout, then $got"

# Thirty ports for a hundred exchanges at once: those without one are refused, the others served.
echo "40000 40029" >/proc/sys/net/ipv4/ip_local_port_range
before=$(used)
python3 - >ports.log <<'PY'
import collections, http.client, threading
seen = collections.Counter()
def ask(number):
    client = http.client.HTTPConnection('127.0.0.1', 9001, timeout=30,
                                        source_address=('127.0.0.3', 20000 + number))
    client.request('GET', '/slow')
    answer = client.getresponse(); answer.read()
    seen[answer.status] += 1
threads = [threading.Thread(target=ask, args=(i,)) for i in range(100)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(seen[200], sum(seen.values()), sorted(seen))
PY
read -r good all statuses <ports.log
[ "$all" = 100 ] && [ "$good" -ge 20 ] || fail "without ports: $good of $all, $statuses"
[ $(($(used) - before)) -lt 100 ] || fail "it spins without ports"
echo "32768 60999" >/proc/sys/net/ipv4/ip_local_port_range
got=$(ask / 5 8)
[ "$got" = "200:40" ] || fail "with ports again: $got"
echo "  30 ports: $good of $all served, $statuses; then $got"
