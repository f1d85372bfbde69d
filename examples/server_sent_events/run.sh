#!/bin/sh
# A stream of events through a proxy whose timeout is shorter than the stream; a client that reconnects, and
# one that leaves.
. "$(dirname "$0")/../common.sh"
command -v python3 >/dev/null || { echo "SKIPPED: the app needs python3"; exit 0; }
python3 examples/server_sent_events/app.py >"$DIR/app.out" 2>&1 &
pids="$pids $!"
await_port "$DIR/app.out" 'peer listening on'
APP_PORT=$port
export APP_PORT
start_outrider examples/server_sent_events/outrider.yaml egress
url=http://127.0.0.1:$port

curl -sSN --max-time 20 "$url/" >"$DIR/events" || fail "the stream was cut"
[ "$(count '^data: event [123]$' "$DIR/events")" = 3 ] || fail "not three events: $(cat "$DIR/events")"
[ "$(count '^:' "$DIR/events")" -ge 1 ] || fail "no comment came while the app was silent"
curl -sSN --max-time 20 -H 'last-event-id: 3' "$url/" >"$DIR/more" || fail "the second stream was cut"
[ "$(count '^data: event [456]$' "$DIR/more")" = 3 ] || fail "did not go on: $(cat "$DIR/more")"

curl -sSN --max-time 3 "$url/forever" >/dev/null 2>&1 && fail "a stream without end has ended"
tries=0
until grep -q 'the client has left' "$DIR/app.out"; do
  tries=$((tries + 1))
  [ "$tries" -lt 50 ] || fail "the app does not know that its client has left"
  sleep 0.1
done
stop "$started"

echo "  timeout of 1 s      the streams took 2 s, and came whole, with comments while the app was silent"
echo "  last-event-id       came through"
echo "  client that left    the app was told"
