#!/bin/sh
# /uneven takes 3 s every other time. A GET whose answer does not come within 100 ms is asked a second
# time beside the first; a POST, which might be done twice, waits.
. "$(dirname "$0")/../common.sh"
start_app
start_outrider examples/hedge/outrider.yaml egress
url=http://127.0.0.1:$port/uneven

get "$url"
[ "$status" = 200 ] || fail "the GET gave $status"
get "$url" -X POST
[ "$status" = 200 ] || fail "the POST gave $status"
hedges=$(curl -sS --unix-socket "$DIR/admin.sock" http://localhost/metrics | grep '^outrider_hedges_total')
echo "$hedges" | grep -q 'outcome="won"} 1' || fail "the metrics know of no hedge: $hedges"
stop "$started"

took=$(sed 's/.*"total":\([0-9]*\).*/\1/' "$DIR/outrider.log" | tr '\n' ' ')
attempts=$(sed 's/.*"attempts":\([0-9]*\).*/\1/' "$DIR/outrider.log" | tr '\n' ' ')
[ "$attempts" = "2 1 " ] || fail "the attempts were $attempts"
[ "${took%% *}" -lt 2000 ] || fail "the GET took ${took%% *} ms"
[ "$(count /uneven "$DIR/app.out")" = 3 ] || fail "the app saw other requests than these"

cat <<TEXT
  GET     2 attempts, answered after ${took%% *} ms: the slow one was cancelled
  POST    1 attempt, whatever it takes
TEXT
