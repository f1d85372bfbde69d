#!/bin/sh
# An API of GraphQL and REST. The log tells one operation from another, though all have the same path.
. "$(dirname "$0")/../common.sh"
command -v python3 >/dev/null || { echo "SKIPPED: the app needs python3"; exit 0; }
python3 examples/graphql/app.py >"$DIR/app.out" 2>&1 &
pids="$pids $!"
await_port "$DIR/app.out" 'peer listening on'
APP_PORT=$port
export APP_PORT
start_outrider examples/graphql/outrider.yaml egress
url=http://127.0.0.1:$port

query='{"query":"query Orders { orders { id } }","operationName":"Orders"}'
get "$url/graphql" -H 'content-type: application/json' -d "$query"
[ "$status" = 200 ] || fail "the status is $status"
echo "$answer" | grep -qF "$query" || fail "the query has not come as it was: $answer"
get "$url/graphql?query=%7Bme%7Bid%7D%7D&operationName=Me"
[ "$status" = 200 ] || fail "the status is $status"
for method in GET PUT PATCH DELETE; do
  get "$url/orders/7" -X "$method"
  echo "$answer" | grep -qx "$method /orders/7" || fail "$method has not come through"
done
stop "$started"
for name in Orders Me; do
  [ "$(count "\"path\":\"/graphql\",\"operation\":\"$name\"" "$DIR/outrider.log")" = 1 ] ||
    fail "the log does not name $name"
done

echo "  GraphQL    the log names the operations Orders and Me"
echo "  REST       GET, PUT, PATCH and DELETE came through"
