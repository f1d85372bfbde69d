#!/bin/sh
# Twenty reloads a second under load by HTTP/1 and HTTP/2: no request fails, and what is waited for is no
# multiple of what is waited for without. OUTRIDER_SECONDS: of each, 5 by default.
set -eu
: "${OUTRIDER:?the binary to test}"
for tool in python3 wrk h2load; do
  command -v "$tool" >/dev/null || { echo "skipped: there is no $tool"; exit 77; }
done
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
seconds=${OUTRIDER_SECONDS:-5}
free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
egress=$(free_port) behind=$(free_port)
cat >outrider.yaml <<YAML
version: 1
workers: 2
access_log: { format: none }
listeners:
  egress:
    bind: "127.0.0.1:$egress"
    routes:
      - { match: { path: /other/* }, to: app, filters: [throttle: { rate: 9/s }] }
      - to: app
  behind: { bind: "127.0.0.1:$behind", routes: [{ respond: { status: 200, body: x } }] }
clusters:
  app: { url: "http://127.0.0.1:$behind", filters: [retry: {}, circuit_breaker: {}] }
YAML
"$OUTRIDER" run outrider.yaml 2>outrider.log &
outrider=$!
pids="$pids $outrider"
await grep -q 'listener behind listening' outrider.log
url=http://127.0.0.1:$egress/

# load NAME: by both at once; what they saw is in NAME.wrk and NAME.h2load.
load() {
  wrk --latency -t 1 -c 16 -d "${seconds}s" "$url" >"$1.wrk" &
  by_wrk=$!
  h2load -t 1 -c 4 -m 8 -D "$seconds" --warm-up-time 1s "$url" >"$1.h2load" 2>&1
  wait "$by_wrk"
  ! grep -q 'Socket errors\|Non-2xx' "$1.wrk" || fail "$1: $(grep 'errors\|Non-2xx' "$1.wrk")"
  grep -q ' 0 failed, 0 errored, 0 timeout' "$1.h2load" || fail "$1: $(grep ^requests: "$1.h2load")"
  ! grep -q '^status codes:.* [1-9][0-9]* [345]xx' "$1.h2load" || fail "$1: $(grep '^status codes' "$1.h2load")"
  echo "  $1: wrk $(awk '/99%/ { print "p99 " $2 } /requests in/ { print $1 " requests" }' "$1.wrk" | paste -sd, -), h2load $(awk '/^finished/ { print $4, $5 }' "$1.h2load")"
}
load "without reloads"
(
  n=0
  while [ ! -e over ]; do
    n=$((n + 1))
    sed "s/rate: .*s/rate: $((n % 9 + 1))\/s/" outrider.yaml >next.yaml && mv next.yaml outrider.yaml
    kill -HUP "$outrider"
    sleep 0.05
  done
) &
reloading=$!
pids="$pids $reloading"
load "with 20 a second"
: >over
wait "$reloading"
reloads=$(grep -c '\breloaded\b' outrider.log)
[ "$reloads" -ge $((seconds * 5)) ] || fail "only $reloads reloads"
if grep -q 'stays: ' outrider.log; then fail "a reload failed"; fi
echo "  $reloads reloads"
