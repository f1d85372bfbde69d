#!/bin/sh
# /broken fails at one origin and not at the other. Nothing has to be configured for that but the numbers.
. "$(dirname "$0")/../common.sh"
start_app well; WELL_PORT=$APP_PORT
curl -sS --max-time 10 "http://127.0.0.1:$WELL_PORT/repair" >/dev/null || fail "curl, /repair"
start_app flaky; FLAKY_PORT=$APP_PORT
export WELL_PORT FLAKY_PORT
start_outrider examples/outlier/outrider.yaml egress
url=http://127.0.0.1:$port

failed=0
n=0
while [ "$n" -lt 20 ]; do
  n=$((n + 1))
  get "$url/broken"
  [ "$status" = 200 ] || failed=$((failed + 1))
done
[ "$failed" = 3 ] || fail "$failed of 20 failed"
clusters=$(curl -sS --unix-socket "$DIR/admin.sock" http://localhost/clusters)
echo "$clusters" | grep -q "\"address\":\"127.0.0.1:$FLAKY_PORT\"[^}]*\"health\":\"ejected\"" ||
  fail "it is not ejected: $clusters"
stop "$started"
[ "$(count /broken "$DIR/flaky.out")" = 3 ] || fail "it was asked though it was ejected"

cat <<TEXT
  20 requests, every other one at an origin that fails: 3 failed, then it was ejected, and 17 were answered
TEXT
