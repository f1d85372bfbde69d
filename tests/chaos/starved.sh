#!/bin/sh
# Processors that others have: nothing but latency comes of it. No request fails, no health check fails by
# itself, no endpoint is ejected, and with what is left every timer comes. Beside programs that only spin;
# and with a tenth of a processor by a control group, where one can be made.
set -eu
: "${OUTRIDER:?the binary to test}"
for tool in python3 taskset nice; do
  command -v "$tool" >/dev/null || { echo "skipped: there is no $tool"; exit 77; }
done
here=$(cd "$(dirname "$0")" && pwd)
OUTRIDER_CHAOS=$(mktemp -d)
pids=
group=
clean_up() {
  for each in $pids; do kill -9 "$each" 2>/dev/null || true; done
  wait 2>/dev/null || true
  [ -z "$group" ] || rmdir "$group" 2>/dev/null || true
  rm -rf "$OUTRIDER_CHAOS"
}
trap clean_up EXIT
cd "$OUTRIDER_CHAOS"
. "$here/lib/common.sh"
free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
app=$(free_port) egress=$(free_port) admin=$(free_port)
serve "127.0.0.1:$app"
pids="$pids $!"
cat >outrider.yaml <<YAML
version: 1
workers: 2
access_log: { format: none }
admin: { bind: "127.0.0.1:$admin" }
listeners:
  egress: { bind: "127.0.0.1:$egress", routes: [{ to: app }] }
clusters:
  app:
    url: "http://127.0.0.1:$app"
    health: { path: /health, interval: 200ms, timeout: 1s }
    filters: [retry: {}, circuit_breaker: {}]
YAML
metric() {
  python3 -c 'import sys, urllib.request
print(urllib.request.urlopen("http://127.0.0.1:%s/metrics" % sys.argv[1], timeout=60).read().decode())' \
    "$admin" | grep "^$1"
}
# Where this program may run: all on its last processor.
cpu=$(taskset -cp $$ | sed 's/.*[:,-] *//')
taskset -c "$cpu" nice -n 10 "$OUTRIDER" run outrider.yaml 2>outrider.log &
outrider=$!
pids="$pids $outrider"
answers() { [ "$(ask "$egress" / 1 1)" = "200:1" ]; }
await answers

check() {
  got=$(ask "$egress" / 20 10)
  [ "$got" = "200:200" ] || fail "$1: $got"
  if metric 'outrider_outlier_ejections_total.* [1-9]'; then fail "$1: an endpoint was ejected"; fi
  if grep -q unhealthy outrider.log; then fail "$1: a health check failed by itself"; fi
  echo "  $1: $got"
}
spinners=
for _ in 1 2 3 4; do
  taskset -c "$cpu" sh -c 'while :; do :; done' &
  spinners="$spinners $!"
done
pids="$pids $spinners"
check "beside four that spin, and with less right to the processor"
for each in $spinners; do kill -9 "$each"; done

make_group() {
  if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
    group=/sys/fs/cgroup/outrider-chaos.$$
    mkdir "$group" && echo "10000 100000" >"$group/cpu.max"
  else
    group=/sys/fs/cgroup/cpu/outrider-chaos.$$
    mkdir "$group" && echo 100000 >"$group/cpu.cfs_period_us" && echo 10000 >"$group/cpu.cfs_quota_us"
  fi && echo "$outrider" >"$group/cgroup.procs"
}
if (make_group) 2>/dev/null; then
  group=$(ls -d /sys/fs/cgroup/outrider-chaos.$$ /sys/fs/cgroup/cpu/outrider-chaos.$$ 2>/dev/null | head -n 1)
  check "with a tenth of a processor"
else
  group=
  echo "  skipped: a control group with a tenth of a processor: none can be made here"
fi
before=$(awk '{ print $14 + $15 }' "/proc/$outrider/stat")
sleep 2
used=$(($(awk '{ print $14 + $15 }' "/proc/$outrider/stat") - before))
[ "$used" -lt 40 ] || fail "afterwards it goes on spinning: $used of 200"
