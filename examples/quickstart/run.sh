#!/bin/sh
# Client (curl, HTTP/1.1) -> Outrider -> TLS, HTTP/2 -> Outrider -> app (HTTP/1.1). Checks all that it
# says, and exits non-zero if something was not so.
. "$(dirname "$0")/../common.sh"
requests=20

"$OUTRIDER" certs "$DIR" localhost >/dev/null || fail "no certificates"
"$OUTRIDER" certs "$DIR/stranger" somebody >/dev/null || fail "no certificates of another CA"
start_app
start_outrider examples/quickstart/inbound.yaml ingress
inbound=$started INBOUND_PORT=$port
export INBOUND_PORT
start_outrider examples/quickstart/outbound.yaml egress
outbound=$started url=http://127.0.0.1:$port

curl -sS --http1.1 --parallel --parallel-immediate --parallel-max "$requests" --max-time 30 \
  "$url/slow?[1-$requests]" >"$DIR/answers.out" 2>"$DIR/curl.out" || fail "curl, $requests requests at once"
get "$url/flaky"
flaky=$status
clusters=$(curl -sS --max-time 10 --unix-socket "$DIR/admin.sock" http://localhost/clusters)
stop "$outbound"

# The same client's side, but it trusts another CA than the one that signed the service's certificate.
here=$DIR DIR=$DIR/stranger
start_outrider examples/quickstart/outbound.yaml egress
DIR=$here
get "http://127.0.0.1:$port/hello"
stop "$started"
stop "$inbound"

[ "$(count 'hello from the app, asked over HTTP/1.1' "$DIR/answers.out")" = "$requests" ] ||
  fail "the app was not asked over HTTP/1.1, or not all $requests answers came"
total=$((requests + 1))
[ "$(count '"protocol":"http1","status":200' "$DIR/outbound.log")" = "$total" ] ||
  fail "not $total requests were answered with 200 over HTTP/1.1"
[ "$(count '"protocol":"h2"' "$DIR/inbound.log")" = $((total + 1)) ] ||
  fail "Outrider -> Outrider was not HTTP/2 throughout"
connects=$(echo "$clusters" | sed 's/.*"workers"//; s/.*"connects":\([0-9]*\).*/\1/')
[ "$connects" = 1 ] || fail "there were $connects connections between the Outriders, not one"
attempts=$(grep '"path":"/flaky"' "$DIR/outbound.log" | sed 's/.*"attempts":\([0-9]*\).*/\1/')
[ "$flaky" = 200 ] && [ "$attempts" = 2 ] || fail "/flaky gave $flaky after $attempts attempts"
echo "$answer" | grep -q '^502 Bad Gateway: tls_failure' ||
  fail "a certificate of another CA was not refused: $answer"

cat <<TEXT

  curl --HTTP/1.1--> Outrider ==TLS, HTTP/2==> Outrider --HTTP/1.1--> app

  client -> Outrider     HTTP/1.1           $requests requests at once and one more: $total times 200
  Outrider -> Outrider   HTTP/2 over TLS    all of them on $connects multiplexed connection
  Outrider -> app        HTTP/1.1           the app knows nothing of TLS, HTTP/2 or retries
  retry                  GET /flaky         the app said 503, then 200; curl saw only the 200
  TLS is verified        another CA         refused: 502, tls_failure

TEXT
