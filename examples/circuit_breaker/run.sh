#!/bin/sh
# /broken fails until /repair: the breaker opens, refuses without asking the app, and closes by itself.
. "$(dirname "$0")/../common.sh"
start_app
start_outrider examples/circuit_breaker/outrider.yaml egress
url=http://127.0.0.1:$port

for _ in 1 2 3 4 5; do
  get "$url/broken"
  [ "$status" = 503 ] || fail "the app answered $status"
done
get "$url/broken"
[ "$status" = 503 ] || fail "the open breaker answered $status"
echo "$answer" | grep -qi '^retry-after: [12]' || fail "no retry-after: $answer"
echo "$answer" | grep -qi '^proxy-status: .*details="circuit_open"' || fail "no reason: $answer"
[ "$(count /broken "$DIR/app.out")" = 5 ] || fail "the app was asked though the breaker was open"

curl -sS --max-time 10 "http://127.0.0.1:$APP_PORT/repair" >/dev/null || fail "curl, /repair"
tries=0
until get "$url/broken"; [ "$status" = 200 ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 50 ] || fail "the breaker did not close"
  sleep 0.1
done
stop "$started"
refused=$(count '"reason":"circuit_open"' "$DIR/outrider.log")
[ "$(count /broken "$DIR/app.out")" = 6 ] || fail "refused requests reached the app"

printf '  %2s requests   %s\n' 5 "503 from the app; then the breaker opened"
printf '  %2s requests   %s\n' "$refused" "503 circuit_open with retry-after; the app was not asked"
printf '  %2s request    %s\n' 1 "200: the app was repaired, the probe succeeded, the breaker is closed"
