#!/bin/sh
# Held polls and server-sent events through one Outrider and through two (TLS and HTTP/2 between them):
# that all come, what a held poll costs, and how late an event is.
# POLLS: how many are held at once, 10000 by default or what the descriptor limit allows. EVENTS: how many.
: "${OUTRIDER:?}"
# A held poll has two descriptors in each Outrider, and limits.connections is at most half of the limit.
ulimit -n 45000 2>/dev/null || ulimit -n "$(ulimit -Hn)"
. "$(dirname "$0")/../../../examples/common.sh"
cd ..
here=tests/interop/streams
command -v python3 >/dev/null || { echo "skipped: streams: there is no python3"; exit 0; }
most=$(($(ulimit -n) / 2 - 600))
POLLS=${POLLS:-10000}
[ "$POLLS" -le "$most" ] || { echo "only $most polls: the descriptor limit is $(ulimit -n)"; POLLS=$most; }

start_peer() {
  python3 "$here/peer.py" serve >"$DIR/app.out" 2>&1 &
  app=$!
  pids="$pids $app"
  await_port "$DIR/app.out" 'peer listening on'
  APP_PORT=$port
  export APP_PORT
}
"$OUTRIDER" certs "$DIR" localhost >/dev/null || fail "no certificates"
start_peer
start_outrider "$here/single.yaml" egress
single=$started
said=$(python3 "$here/peer.py" events "$APP_PORT" "${EVENTS:-500}" 2>&1) || fail "events: $said"
echo "no Outrider, to compare: $said"
said=$(python3 "$here/peer.py" events "$port" "${EVENTS:-500}" 2>&1) || fail "events: $said"
echo "ok: one Outrider: $said"
said=$(timeout 300 python3 "$here/peer.py" polls "$port" "$POLLS" "$single" 2>&1) || fail "polls: $said"
echo "ok: one Outrider: $said"
kill "$single" "$app"

start_peer
start_outrider examples/quickstart/inbound.yaml ingress
INBOUND_PORT=$port
export INBOUND_PORT
start_outrider examples/quickstart/outbound.yaml egress
said=$(python3 "$here/peer.py" events "$port" "${EVENTS:-500}" 2>&1) || fail "events: $said"
echo "ok: two Outriders: $said"
said=$(timeout 300 python3 "$here/peer.py" polls "$port" "$POLLS" "$started" 2>&1) || fail "polls: $said"
echo "ok: two Outriders: $said in the first"
