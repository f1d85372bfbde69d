#!/bin/sh
# Packets between Outrider and its upstream that take long, each another time, and so overtake each other:
# only latency comes of it, over HTTP/1 and HTTP/2; whoever waits no longer than that is told so, once; and
# nothing is left of it when it is over. The network is a device whose other end is a program (TUN): it
# sends back what it gets, later, from where it went to. Exit status 77 = skipped, where that is not
# permitted.
set -eu
: "${OUTRIDER:?the binary to test}"
if [ -z "${OUTRIDER_CHAOS:-}" ]; then
  for tool in python3 ip unshare; do
    command -v "$tool" >/dev/null || { echo "skipped: there is no $tool"; exit 77; }
  done
  unshare --net sh -c 'ip tuntap add dev tried mode tun' 2>/dev/null ||
    { echo "skipped: no network namespace with a TUN device can be made here"; exit 77; }
  OUTRIDER_CHAOS=$(mktemp -d)
  export OUTRIDER_CHAOS
  trap 'rm -rf "$OUTRIDER_CHAOS"' EXIT
  unshare --net --mount --mount-proc --pid --fork --kill-child sh "$0"
  exit
fi
here=$(cd "$(dirname "$0")" && pwd)
cd "$OUTRIDER_CHAOS"
. "$here/lib/common.sh"

# Addresses change places, so that 10.9.0.2 is this host as well; sums stay right. `delay` says how many
# milliseconds each packet takes, from and to.
cat >line.py <<'PY'
import fcntl, heapq, os, random, select, struct, time
line = os.open('/dev/net/tun', os.O_RDWR)
fcntl.ioctl(line, 0x400454ca, struct.pack('16sH22x', b'line', 0x1001))  # IFF_TUN, IFF_NO_PI
os.system('ip addr add 10.9.0.1/24 dev line; ip link set line up')
open('line.ready', 'w').close()
waiting, count = [], 0
while True:
    rest = max(0, waiting[0][0] - time.monotonic()) if waiting else 1
    if select.select([line], [], [], rest)[0]:
        packet = os.read(line, 65536)
        if packet[0] >> 4 == 4:
            least, most = map(float, open('delay').read().split())
            count += 1
            packet = packet[:12] + packet[16:20] + packet[12:16] + packet[20:]
            heapq.heappush(waiting, (time.monotonic() + random.uniform(least, most) / 1000, count, packet))
    while waiting and waiting[0][0] <= time.monotonic():
        os.write(line, heapq.heappop(waiting)[2])
PY
takes() { echo "$1 $2" >delay.new && mv delay.new delay; }
takes 0 0
ip link set lo up
python3 line.py &
await test -e line.ready
serve 10.9.0.1:8080

cat >outrider.yaml <<'YAML'
version: 1
workers: 1
access_log: { format: none }
admin: { bind: "127.0.0.1:9000" }
listeners:
  egress: { bind: "127.0.0.1:9001", routes: [{ to: http1 }] }
  by_h2: { bind: "127.0.0.1:9002", routes: [{ to: h2 }] }
  impatient:
    bind: "127.0.0.1:9003"
    routes: [{ to: http1, filters: [timeout: { response: 300ms }] }]
  ingress: { bind: "10.9.0.1:8081", routes: [{ to: local }] }
clusters:
  http1: { url: "http://10.9.0.2:8080", filters: [retry: {}, circuit_breaker: { request_volume: 1000 }] }
  h2: { url: "http://10.9.0.2:8081", protocol: h2, filters: [retry: {}, circuit_breaker: { request_volume: 1000 }] }
  local: { url: "http://10.9.0.1:8080" }
YAML
"$OUTRIDER" run outrider.yaml 2>outrider.log &
answers() { [ "$(ask 9001 / 1 1) $(ask 9002 / 1 1)" = "200:1 200:1" ]; }
await answers

for delay in "20 30" "50 250" "900 1100"; do
  takes $delay
  for port in 9001 9002; do
    got=$(ask "$port" / 3 8)
    [ "$got" = "200:24" ] || fail "$port, packets that take $delay ms: $got"
  done
  echo "  packets that take $delay ms: $got over HTTP/1 and over HTTP/2"
done
got=$(ask 9003 / 2 4)
[ "$got" = "504:8" ] || fail "whoever waits for less: $got"
timeouts=$(metric 'outrider_requests_total{listener="impatient".*code="504",reason="response_timeout"} ')
[ "${timeouts##* }" = 8 ] || fail "timeouts are counted otherwise: $timeouts"
takes 0 0
got=$(ask 9003 / 5 8)
[ "$got" = "200:40" ] || fail "afterwards: $got"
if metric 'outrider_outlier_ejections_total.* [1-9]'; then fail "an endpoint was ejected"; fi
echo "  504 for whoever waits for less, each counted once; then $got"
