#!/bin/sh
# /flaky fails every other time, /broken always; the cluster `gone` is not there. The client gets 200
# each time, and the log says what was wrong.
. "$(dirname "$0")/../common.sh"
start_app
start_outrider examples/fallback/outrider.yaml egress
url=http://127.0.0.1:$port

get "$url/flaky"
[ "$status" = 503 ] || fail "nothing was kept yet, and the status is $status"
get "$url/flaky"
[ "$status" = 200 ] || fail "the app answered $status"
get "$url/flaky"
[ "$status" = 200 ] || fail "the last good answer came as $status"
echo "$answer" | grep -qi '^cache-status: outrider; hit; detail="503"' || fail "no cache-status: $answer"
echo "$answer" | grep -q 'hello from the app' || fail "not the app's answer: $answer"

get "$url/broken"
[ "$status" = 200 ] || fail "the fixed answer came as $status"
echo "$answer" | grep -qx '\[\]' || fail "not the fixed answer: $answer"

get "$url/moved"
[ "$status" = 200 ] || fail "the other cluster answered $status"
get "$url/moved" -X POST -d x
[ "$status" = 200 ] || fail "a POST that was never sent gave $status"
stop "$started"

[ "$(count '"status":200,"reason":"connect_failure"' "$DIR/outrider.log")" = 2 ] ||
  fail "the log does not say why the other cluster was asked"

cat <<TEXT
  stale      503 from the app, 200 for the client: the last good answer, with age and cache-status
  respond    503 from the app, 200 for the client: []
  to         the cluster is gone, another one answers; the log says connect_failure
TEXT
