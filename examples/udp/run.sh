#!/bin/sh
# Datagrams of two clients, through a session each, to a service that tells them where they came from.
. "$(dirname "$0")/../common.sh"
command -v python3 >/dev/null || { echo "SKIPPED: the client and the service need python3"; exit 0; }
python3 examples/udp/peer.py serve >"$DIR/service.out" 2>&1 &
pids="$pids $!"
await_port "$DIR/service.out" 'peer listening on'
APP_PORT=$port
export APP_PORT
start_outrider examples/udp/outrider.yaml stun
said=$(python3 examples/udp/peer.py ask "$port" 2>&1) || fail "the client failed: $said"
stop "$started"
[ "$(count '"protocol":"udp","status":200' "$DIR/outrider.log")" = 2 ] || fail "the log has not 2 lines"

echo "  client    $said"
echo "  log       a line for each session"
