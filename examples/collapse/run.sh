#!/bin/sh
# Ten clients ask for /uneven, which takes 3 s. Then for /flaky, which fails: it is tried again once for all
# who ask, and for whoever may not share it alone.
. "$(dirname "$0")/../common.sh"
start_app
start_outrider examples/collapse/outrider.yaml egress
url=http://127.0.0.1:$port

asked=""
for n in 1 2 3 4 5 6 7 8 9 10; do
  curl -sS -o /dev/null -w '%{http_code}\n' --max-time 10 "$url/uneven" >"$DIR/$n.out" &
  asked="$asked $!"
done
for pid in $asked; do wait "$pid" || fail "curl /uneven"; done
answered=$(cat "$DIR"/[0-9]*.out | grep -c '^200')
[ "$answered" = 10 ] || fail "$answered of 10 were answered"
[ "$(count /uneven "$DIR/app.out")" = 1 ] || fail "the app was asked $(count /uneven "$DIR/app.out") times"
shared=$(curl -sS --unix-socket "$DIR/admin.sock" http://localhost/metrics | grep '^outrider_collapsed_total')
echo "$shared" | grep -q '} 9$' || fail "the metrics know of other answers that were shared: $shared"

get "$url/flaky"
[ "$status" = 200 ] || fail "/flaky gave $status though it is tried again"
get "$url/flaky" -H 'cookie: user=ann'
[ "$status" = 200 ] || fail "/flaky gave $status to one who asks for herself"
stop "$started"
[ "$(count /flaky "$DIR/app.out")" = 4 ] || fail "the app saw other requests than these"

cat <<TEXT
  herd      10 requests, 10 answers of 200; the app was asked once
  flaky     503 and then 200, in one flight: the client sees 200
  cookie    an answer for one client alone is not shared
TEXT
