#!/bin/sh
# Twenty polls are held at once, each on a connection of its own; short ones come and go meanwhile.
. "$(dirname "$0")/../common.sh"
command -v python3 >/dev/null || { echo "SKIPPED: the app needs python3"; exit 0; }
python3 examples/polling/app.py >"$DIR/app.out" 2>&1 &
pids="$pids $!"
await_port "$DIR/app.out" 'peer listening on'
APP_PORT=$port
export APP_PORT
start_outrider examples/polling/outrider.yaml egress
url=http://127.0.0.1:$port

polls=""
for number in $(seq 20); do
  curl -sS --max-time 30 "$url/long/$number" >"$DIR/poll.$number" &
  polls="$polls $!"
done
pids="$pids $polls"
tries=0
until [ "$(count '^/long/' "$DIR/app.out")" = 20 ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || fail "not all polls have come to the app"
  sleep 0.1
done
get "$url/short"
[ "$status" = 204 ] || fail "a short poll gave $status"
for number in $(seq 20); do get "$url/tell/$number"; done
for poll in $polls; do wait "$poll" || fail "a poll failed"; done
[ "$(cat "$DIR"/poll.* | count '^news$' -)" = 20 ] || fail "not every poll was answered"
stop "$started"
[ "$(count '^/long/' "$DIR/app.out")" = 20 ] || fail "a poll was sent twice"

echo "  short poll    204, while the others were held"
echo "  long polls    20 held at once, each answered when there was news, none sent twice"
