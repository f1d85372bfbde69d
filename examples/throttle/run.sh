#!/bin/sh
# /limited refuses a client's fourth request in a minute, though the app fails every other time, and lets
# another client in; /queued lets ten requests that come together through one by one.
. "$(dirname "$0")/../common.sh"
start_app
start_outrider examples/throttle/outrider.yaml egress
url=http://127.0.0.1:$port

for expected in 503 200 503; do
  get "$url/limited" -H 'x-client: ann'
  [ "$status" = "$expected" ] || fail "a request within the rate gave $status"
done
get "$url/limited" -H 'x-client: ann'
[ "$status" = 429 ] || fail "the fourth request gave $status"
echo "$answer" | grep -qi '^retry-after: [12][0-9]*' || fail "no retry-after: $answer"
echo "$answer" | grep -q '"error":"throttled"' || fail "no reason in the body: $answer"
policy=$(echo "$answer" | tr -d '\r' | sed -n 's/^ratelimit-policy: //p')
[ "$policy" = '"clients";q=3;w=60' ] || fail "ratelimit-policy: $policy"
get "$url/limited" -H 'x-client: bob'
[ "$status" = 200 ] || fail "another client gave $status"

asked=""
for n in 1 2 3 4 5 6 7 8 9 10; do
  curl -sS -o /dev/null -w '%{http_code} %{time_total}\n' --max-time 10 "$url/queued" >"$DIR/$n.out" &
  asked="$asked $!"
done
for pid in $asked; do wait "$pid" || fail "curl /queued"; done
admitted=$(cat "$DIR"/[0-9]*.out | grep -c '^200')
[ "$admitted" = 10 ] || fail "$admitted of 10 were let through"
longest=$(cat "$DIR"/[0-9]*.out | cut -d' ' -f2 | sort -n | tail -n 1)
case $longest in 0.[0-7]*) fail "ten at ten a second took $longest s only" ;; esac
stop "$started"
[ "$(count /flaky "$DIR/app.out")" = 4 ] || fail "the app saw other requests than these"
[ "$(count '"reason":"throttled"' "$DIR/outrider.log")" = 1 ] || fail "the log tells of other refusals"

cat <<TEXT
  3 a minute for each client   3 times asked, then 429 throttled with retry-after; another client: 200
  10 a second, queued          10 requests at once: 10 times 200, the last after $longest s
TEXT
