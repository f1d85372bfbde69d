#!/bin/sh
# /uneven takes 3 s every other time. A bound alone ends the request with 504; with a bound for each attempt
# the second one answers in time.
. "$(dirname "$0")/../common.sh"
start_app
start_outrider examples/timeout/outrider.yaml egress
url=http://127.0.0.1:$port

get "$url/bounded"
[ "$status" = 504 ] || fail "the slow answer came as $status"
echo "$answer" | grep -qi '^proxy-status: .*details="response_timeout"' || fail "no reason: $answer"
get "$url/bounded"
[ "$status" = 200 ] || fail "the quick answer came as $status"
get "$url/again"
[ "$status" = 200 ] || fail "the second attempt gave $status"
stop "$started"

took=$(sed 's/.*"total":\([0-9]*\).*/\1/' "$DIR/outrider.log" | tr '\n' ' ')
attempts=$(sed 's/.*"attempts":\([0-9]*\).*/\1/' "$DIR/outrider.log" | tr '\n' ' ')
[ "$attempts" = "1 1 2 " ] || fail "the attempts were $attempts"
set -- $took
[ "$1" -ge 300 ] && [ "$1" -lt 2500 ] || fail "the bound of 300 ms ended it after $1 ms"
[ "$3" -ge 300 ] && [ "$3" -lt 2500 ] || fail "two attempts took $3 ms"

cat <<TEXT
  response         504 response_timeout after $1 ms, and not after 3 s
  each attempt     2 attempts, 200 after $3 ms
TEXT
