#!/bin/sh
# The shadow is asked what the app is asked, and in the end is not there at all.
# The client notices nothing of it.
. "$(dirname "$0")/../common.sh"
start_app
"$EXAMPLE_ORIGIN" >"$DIR/shadow.out" &
shadow=$!
pids="$pids $shadow"
await_port "$DIR/shadow.out" 'listening on'
SHADOW_PORT=$port
export SHADOW_PORT
start_outrider examples/mirror/outrider.yaml egress
url=http://127.0.0.1:$port

get "$url/repair"
get "$url/hello?x=1"
[ "$status" = 200 ] || fail "the GET gave $status"
get "$url/hello" -X POST
[ "$status" = 200 ] || fail "the POST gave $status"
tries=0
until [ "$(count ' /hello' "$DIR/shadow.out")" = 2 ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || fail "the shadow was not asked the same"
  sleep 0.1
done
kill "$shadow"
get "$url/hello"
[ "$status" = 200 ] || fail "without the shadow the GET gave $status"
sent=$(curl -sS --unix-socket "$DIR/admin.sock" http://localhost/metrics | grep '^outrider_mirrored_total')
echo "$sent" | grep -q '} 4$' || fail "other copies were sent than these: $sent"
stop "$started"
[ "$(count '"status":200' "$DIR/outrider.log")" = 4 ] || fail "the log holds other requests than the client's"

cat <<TEXT
  app       4 requests, 4 answers for the client
  shadow    copies of them, whose answers were discarded; then gone, and nobody noticed
TEXT
