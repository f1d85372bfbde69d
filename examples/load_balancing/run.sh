#!/bin/sh
# Three origins. One is killed while requests come: each of them is answered with 200, and soon the
# admin side says that it is unhealthy. A client that sends its cookie back stays at one origin.
. "$(dirname "$0")/../common.sh"

# another NAME: one more origin; sets `port`, and `started` to the process.
another() {
  "$EXAMPLE_ORIGIN" >"$DIR/$1.out" &
  started=$!
  pids="$pids $started"
  await_port "$DIR/$1.out" 'listening on'
}
another a; PORT_A=$port; killed=$started
another b; PORT_B=$port
another c; PORT_C=$port
export PORT_A PORT_B PORT_C
start_outrider examples/load_balancing/outrider.yaml egress
url=http://127.0.0.1:$port
await_port "$DIR/egress.out" 'admin listening on'
admin=http://127.0.0.1:$port

i=0
while [ "$i" -lt 60 ]; do
  i=$((i + 1))
  [ "$i" != 30 ] || kill -9 "$killed"
  get "$url/"
  [ "$status" = 200 ] || fail "request $i came back with $status"
done

tries=0
until curl -sS "$admin/clusters" | grep -q '"health":"unhealthy"'; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || fail "the one that was killed is not unhealthy"
  sleep 0.1
done

get "$url/shop/cart"
cookie=$(echo "$answer" | sed -n 's/^set-cookie: \(pin=[0-9a-f]*\);.*/\1/p')
[ -n "$cookie" ] || fail "no cookie: $answer"
i=0
while [ "$i" -lt 10 ]; do
  i=$((i + 1))
  get "$url/shop/cart" -H "cookie: $cookie"
  if echo "$answer" | grep -qi '^set-cookie'; then fail "a second cookie: $answer"; fi
done
stop "$started"

log=$DIR/outrider.log
for origin in "$PORT_A" "$PORT_B" "$PORT_C"; do
  grep '"path":"/",' "$log" | grep -q "\"endpoint\":\"127.0.0.1:$origin\"" ||
    fail "no request went to the origin at port $origin"
done
homes=$(grep '"path":"/shop/cart"' "$log" | sed 's/.*"endpoint":"\([^"]*\)".*/\1/' | sort -u | wc -l)
[ "$homes" = 1 ] || fail "the session was at $homes origins"

cat <<TEXT
  killed     60 requests, one of three origins killed after 29: 60 answers of 200
  health     its checks fail, and it is left out
  sticky     11 requests of one session, all at one origin, by the cookie $cookie
TEXT
