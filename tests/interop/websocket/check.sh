#!/bin/sh
# WebSocket by real clients and servers through one Outrider and through two (TLS and HTTP/2 between
# them): Python's `websockets` (Debian: python3-websockets), npm's `ws` (NODE_PATH).
# PYTHON: another interpreter. IDLE: how many idle WebSockets to measure, 10000 by default or what the
# descriptor limit allows; 0 = none.
: "${OUTRIDER:?}"
# Each has two descriptors in an Outrider, and limits.connections is at most half of the limit.
ulimit -n 45000 2>/dev/null || ulimit -n "$(ulimit -Hn)"
. "$(dirname "$0")/../../../examples/common.sh"
cd ..
PYTHON=${PYTHON:-python3}
here=tests/interop/websocket
skip() { echo "skipped: $1"; }

"$PYTHON" -c 'import websockets' 2>/dev/null || {
  skip "WebSocket: $PYTHON has no websockets (apt-get install python3-websockets)"
  exit 0
}
"$PYTHON" "$here/peer.py" serve >"$DIR/app.out" 2>&1 &
pids="$pids $!"
await_port "$DIR/app.out" 'peer listening on'
APP_PORT=$port
export APP_PORT
"$OUTRIDER" certs "$DIR" localhost >/dev/null || fail "no certificates"
start_outrider examples/quickstart/inbound.yaml ingress
inbound=$started INBOUND_PORT=$port
export INBOUND_PORT
start_outrider examples/quickstart/outbound.yaml egress
outbound=$started two=$port
start_outrider examples/websocket/outrider.yaml egress
one=$port single=$started

for port in "$one" "$two"; do
  [ "$port" = "$one" ] && through="one Outrider" || through="two Outriders"
  url=ws://127.0.0.1:$port/chat
  said=$("$PYTHON" "$here/peer.py" talk "$url" 2>&1) || fail "websockets: $said"
  echo "ok: python websockets through $through: $said"
  if node -e 'require("ws")' 2>/dev/null; then
    said=$(timeout 120 node "$here/client.cjs" "$url" 2>&1) || fail "ws: $said"
    echo "ok: npm ws through $through: $said"
  else
    skip "npm ws through $through: node has no ws (npm install ws; NODE_PATH)"
  fi
done
most=$(($(ulimit -n) / 2 - 600))
IDLE=${IDLE:-10000}
[ "$IDLE" -le "$most" ] || { echo "only $most idle: the descriptor limit is $(ulimit -n)"; IDLE=$most; }
if [ "$IDLE" -gt 0 ]; then
  "$PYTHON" "$here/peer.py" idle "ws://127.0.0.1:$one/" "$IDLE" "$single"
  "$PYTHON" "$here/peer.py" idle "ws://127.0.0.1:$two/" "$IDLE" "$outbound,$inbound"
fi
