#!/bin/sh
# /uneven takes 3 s, /narrow serves one at a time, /slow takes 50 ms.
. "$(dirname "$0")/../common.sh"
start_app
start_outrider examples/overload/outrider.yaml egress
url=http://127.0.0.1:$port

# A slot is taken until the last byte of the answer.
curl -sS -o /dev/null -w '%{http_code}\n' --max-time 10 "$url/uneven" >"$DIR/first.out" &
first=$!
tries=0
until [ "$(count /uneven "$DIR/app.out")" = 1 ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || fail "the app was not asked"
  sleep 0.1
done
get "$url/uneven"
[ "$status" = 503 ] || fail "the second at once gave $status"
echo "$answer" | grep -qi '^proxy-status: .*details="bulkhead_full"' || fail "no reason: $answer"
wait "$first" || fail "curl /uneven"
[ "$(cat "$DIR/first.out")" = 200 ] || fail "the first gave $(cat "$DIR/first.out")"
get "$url/uneven"
[ "$status" = 200 ] || fail "the slot was not given back: $status"

# Eight clients that come again and again, of which the app serves one at a time.
limit() {
  curl -sS --unix-socket "$DIR/admin.sock" http://localhost/metrics |
    sed -n 's/^outrider_adaptive_concurrency_limit{.*} //p'
}
[ "$(limit)" = 8 ] || fail "the limit began at $(limit)"
for _ in 1 2 3 4 5 6 7 8; do
  while [ ! -e "$DIR/enough" ]; do curl -sS -o /dev/null --max-time 10 "$url/narrow" || true; done &
  pids="$pids $!"
done
refused=0
tries=0
until [ "$refused" -ge 10 ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 200 ] || fail "nobody is refused: the limit stays at $(limit)"
  sleep 0.1
  refused=$(grep '"path":"/narrow"' "$DIR/outrider.log" | grep -c '"reason":"bulkhead_full"' || true)
done
found=$(limit)
[ "$found" -lt 8 ] || fail "the limit is $found, and $refused were refused"
touch "$DIR/enough"

# All take longer than they may: one level more every 250 ms, and the highest priority is not refused yet.
tries=0
until get "$url/slow" -H 'x-priority: 0'; [ "$status" = 503 ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || fail "nothing was shed"
done
echo "$answer" | grep -qi '^proxy-status: .*details="shed"' || fail "no reason: $answer"
get "$url/slow" -H 'x-priority: 9'
[ "$status" = 200 ] || fail "the most important request gave $status"
stop "$started"

cat <<TEXT
  bulkhead                one at a time: the second gets 503 bulkhead_full at once, the next one 200
  adaptive_concurrency    began at 8 at once, found that $found are enough; others are refused
  shed                    too slow: priority 0 is refused with 503 shed, priority 9 still gets 200
TEXT
