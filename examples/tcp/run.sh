#!/bin/sh
# A protocol of which Outrider knows nothing, and a service that restarts: the second client comes while
# it is away, and is held until it is back.
. "$(dirname "$0")/../common.sh"
command -v python3 >/dev/null || { echo "SKIPPED: the client and the service need python3"; exit 0; }
start_service() {
  python3 examples/tcp/peer.py serve ${1:-} >"$DIR/service.out" 2>&1 &
  pids="$pids $!"
  await_port "$DIR/service.out" 'peer listening on'
}
start_service
APP_PORT=$port
export APP_PORT
start_outrider examples/tcp/outrider.yaml echo
listener=$port

python3 examples/tcp/peer.py talk "$listener" >"$DIR/first.out" 2>&1 || fail "the first client failed"
python3 examples/tcp/peer.py talk "$listener" >"$DIR/second.out" 2>&1 &
second=$!
pids="$pids $second"
start_service "$APP_PORT"
wait "$second" || fail "the second client failed"
stop "$started"
[ "$(count '"protocol":"tcp","status":200' "$DIR/outrider.log")" = 2 ] || fail "the log has not 2 lines"

echo "  first client     $(cat "$DIR/first.out")"
echo "  second client    the same, held while the service was away"
