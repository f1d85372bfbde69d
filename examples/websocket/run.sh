#!/bin/sh
# A WebSocket from a client through Outrider to a server that sends back what comes. Nothing in the
# configuration says so.
. "$(dirname "$0")/../common.sh"
command -v python3 >/dev/null || { echo "SKIPPED: the client and the server need python3"; exit 0; }
python3 examples/websocket/peer.py serve >"$DIR/app.out" 2>&1 &
pids="$pids $!"
await_port "$DIR/app.out" 'peer listening on'
APP_PORT=$port
export APP_PORT
start_outrider examples/websocket/outrider.yaml egress

python3 examples/websocket/peer.py talk "$port" >"$DIR/client.out" 2>&1 || fail "the client failed"
stop "$started"
[ "$(count '"status":101' "$DIR/outrider.log")" = 1 ] || fail "the log has no line with 101"

echo "  client    $(cat "$DIR/client.out")"
echo "  log       $(sed 's/.*\("status":101\).*\("bytes_in":[0-9]*,"bytes_out":[0-9]*\).*/\1,\2/' "$DIR/outrider.log")"
