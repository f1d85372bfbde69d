#!/bin/sh
# A gRPC service behind Outrider, called by Python's grpcio (Debian: python3-grpcio; without it that part
# is skipped), and what callers of three kinds are told when a service cannot be reached.
. "$(dirname "$0")/../common.sh"
shop=examples/grpc/shop.py
APP_PORT=1
python=""
for each in python3 /usr/bin/python3; do
  if [ -z "$python" ] && "$each" -c 'import grpc' 2>/dev/null; then python=$each; fi
done
if [ -n "$python" ]; then
  "$python" "$shop" serve >"$DIR/app.out" 2>&1 &
  pids="$pids $!"
  await_port "$DIR/app.out" 'listening on'
  APP_PORT=$port
fi
export APP_PORT
start_outrider examples/grpc/outrider.yaml egress
url=http://127.0.0.1:$port

# ask TYPE [FIELD]: a call of that kind to a service that is not there.
ask() {
  get "$url/shop.Shop/Hello" -X POST -H 'host: nobody.test' -H "content-type: $1" -H "${2:-x-none: 1}"
}
ask application/grpc
echo "$answer" | grep -q '^grpc-status: 14' || fail "gRPC was told: $answer"
ask application/grpc-web+proto
echo "$answer" | grep -aq 'grpc-status: 14' || fail "gRPC-Web was told: $answer"
[ "$status" = 200 ] || fail "gRPC-Web got status $status"
ask application/json 'connect-protocol-version: 1'
echo "$answer" | grep -q '^{"code":"unavailable"' || fail "Connect was told: $answer"

if [ -z "$python" ]; then
  echo "  skipped: calls of a real client; there is no python3 with grpc (Debian: python3-grpcio)"
else
  "$python" "$shop" ask "127.0.0.1:$port" >"$DIR/client.out" 2>&1 || fail "the client failed"
  printf 'Hello: hello, world\nFlaky: call 2\nWatch: news\nWatch: DEADLINE_EXCEEDED\n' |
    cmp -s - "$DIR/client.out" || fail "the client said something else"
fi
stop "$started"
if [ -n "$python" ]; then
  grep '"path":"/shop.Shop/Flaky"' "$DIR/outrider.log" | grep -q '"grpc_status":0.*"attempts":2' ||
    fail "Flaky was not tried again"
  echo "  Hello  answered"
  echo "  Flaky  2 attempts: UNAVAILABLE stayed between Outrider and the service"
  echo "  Watch  DEADLINE_EXCEEDED after 500 ms, and not an error of the proxy's"
fi
cat <<TEXT
  a service that is not there: gRPC reads grpc-status 14 in the head, gRPC-Web in the body,
  Connect {"code":"unavailable"}
TEXT
