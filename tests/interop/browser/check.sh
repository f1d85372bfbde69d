#!/bin/sh
# A real browser (Debian: chromium) over TLS and HTTP/2: more event streams than HTTP/1 has connections
# for, a WebSocket, and, with a TURN server (Debian: coturn) behind a listener of datagrams, a WebRTC data
# channel all of whose datagrams pass it; then one between two browsers, which find each other by
# WebSockets. CHROMIUM: another program.
: "${OUTRIDER:?}"
. "$(dirname "$0")/../../../examples/common.sh"
cd ..
here=tests/interop/browser
CHROMIUM=${CHROMIUM:-chromium}
for program in python3 "$CHROMIUM"; do
  command -v "$program" >/dev/null || { echo "skipped: browser: there is no $program"; exit 0; }
done
"$OUTRIDER" certs "$DIR" localhost >/dev/null || fail "no certificates"
python3 "$here/app.py" "$here/page.html" "$here/peer.html" >"$DIR/app.out" 2>&1 &
pids="$pids $!"
await_port "$DIR/app.out" 'peer listening on'
APP_PORT=$port
TURN_PORT=$(python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export APP_PORT TURN_PORT
start_outrider "$here/outrider.yaml" ingress
page=$port
await_port "$DIR/ingress.out" 'stun listening on'
turn=
if command -v turnserver >/dev/null; then
  turnserver -n --listening-ip 127.0.0.1 --listening-port "$TURN_PORT" --relay-ip 127.0.0.1 --no-tls \
    --no-dtls --no-tcp --no-cli --lt-cred-mech --user user:secret --realm test --allow-loopback-peers \
    --pidfile "$DIR/turn.pid" --db "$DIR/turn.db" --log-file stdout >"$DIR/turn.out" 2>&1 &
  pids="$pids $!"
  turn=$port
else
  echo "skipped: WebRTC: there is no turnserver (apt-get install coturn)"
fi
# browse NAME PATH. As root a browser has no sandbox of its own; what it loads here are our own pages.
browse() {
  timeout 100 "$CHROMIUM" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage \
    --ignore-certificate-errors --allow-loopback-in-peer-connection --user-data-dir="$DIR/$1" \
    --remote-debugging-port=0 "https://localhost:$page/$2" >"$DIR/$1.out" 2>&1 &
  browser=$!
  pids="$pids $browser"
}
# until_found COUNT: that much has been.
until_found() {
  tries=0
  until [ "$(count '^found' "$DIR/app.out")" -ge "$1" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 900 ] || fail "the browser found nothing"
    sleep 0.1
  done
}
browse browser "?turn=$turn"
until_found 1
found=$(sed -n 's/^found //p' "$DIR/app.out")
expect() { case $found in *"$1"*) ;; *) fail "not $1: $found" ;; esac; }
expect '"event_streams":12'
expect '"protocol":"h2"'
expect '"echoed":true'
expect '"close_code":4001'
[ -z "$turn" ] || expect '"data_channel":"there and back"'
echo "ok: $($CHROMIUM --version 2>/dev/null | tail -n 1): $found"
[ -n "$turn" ] || exit 0
kill "$browser"
wait "$browser" 2>/dev/null || true
browse one "peer?end=1&turn=$turn"
browse zero "peer?end=0&turn=$turn"
until_found 2
found=$(sed -n 's/^found //p' "$DIR/app.out" | tail -n 1)
expect '"two_browsers":"from browser 0, and back from browser 1"'
echo "ok: two browsers, by WebSocket and TURN: $found"
