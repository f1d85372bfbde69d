#!/bin/sh
# A request fails. Its id, which the answer names, is all that is needed to learn why.
. "$(dirname "$0")/../common.sh"
start_app
start_outrider examples/why/outrider.yaml egress

"$OUTRIDER" tap 'status >= 500' --admin "unix:$DIR/admin" >"$DIR/tap.out" 2>"$DIR/tap.err" &
pids="$pids $!"
tries=0
until grep -q watching "$DIR/tap.err"; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || fail "the tap does not watch"
  sleep 0.1
done

get "http://127.0.0.1:$port/hello"
[ "$status" = 200 ] || fail "the good request gave $status"
get "http://127.0.0.1:$port/gone/1" -H 'x-request-id: example-0001'
[ "$status" = 502 ] || fail "the bad request gave $status"

story=$("$OUTRIDER" why example-0001 --admin "unix:$DIR/admin") || fail "why: $story"
echo "$story" | sed 's/^/  /'
for words in '502 connect_failure' 'attempt 2' 'Connection refused' \
             'retry of cluster gone: denied another attempt: max_retries' 'outrider.yaml:22'; do
  case $story in *"$words"*) ;; *) fail "why does not say: $words" ;; esac
done
"$OUTRIDER" explain GET /gone/1 examples/why/outrider.yaml | grep -q 'cluster gone' ||
  fail "explain does not name the cluster"
stop "$started"
[ "$(cat "$DIR/outrider.log")" = "GET /gone/1 502 connect_failure 2 example-0001" ] ||
  fail "the access log says otherwise"
[ "$(count /gone/1 "$DIR/tap.out")" = 1 ] || fail "the tap did not show it"
[ "$(count /hello "$DIR/tap.out")" = 0 ] || fail "the tap showed what was not asked for"
