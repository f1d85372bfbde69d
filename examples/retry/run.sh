#!/bin/sh
# /flaky fails every other time. A GET is repeated until it succeeds; a POST is not, unless the client
# says by idempotency-key that it may be.
. "$(dirname "$0")/../common.sh"
start_app
start_outrider examples/retry/outrider.yaml egress
url=http://127.0.0.1:$port/flaky

get "$url"
[ "$status" = 200 ] || fail "the GET gave $status"
get "$url" -X POST
[ "$status" = 503 ] || fail "the POST gave $status: it was repeated"
get "$url"                                   # the app's turn to succeed
get "$url" -X POST -H 'idempotency-key: 7'
[ "$status" = 200 ] || fail "the POST with a key gave $status: it was not repeated"
stop "$started"

attempts=$(sed 's/.*"attempts":\([0-9]*\).*/\1/' "$DIR/outrider.log" | tr '\n' ' ')
[ "$attempts" = "2 1 1 2 " ] || fail "the attempts were $attempts"
[ "$(count /flaky "$DIR/app.out")" = 6 ] || fail "the app saw other requests than these"

cat <<TEXT
  GET                          2 attempts, 200: the 503 stayed between Outrider and the app
  POST                         1 attempt,  503: it may not be done twice
  POST with idempotency-key    2 attempts, 200
TEXT
