#!/bin/sh
# A client of TLS and HTTP/2 through a proxy that only carries bytes: the one that answers still knows
# whose connection it is.
. "$(dirname "$0")/../common.sh"
start_app
"$OUTRIDER" certs "$DIR" localhost >/dev/null || fail "no certificates"
start_outrider examples/proxy_protocol/inbound.yaml ingress
inbound=$started INBOUND_PORT=$port
export INBOUND_PORT
start_outrider examples/proxy_protocol/edge.yaml edge
edge=$started

# From 127.0.0.2, so that the client can be told from the edge.
answered=$(curl -sS --interface 127.0.0.2 --cacert "$DIR/ca.pem" --max-time 10 -o "$DIR/answer" \
  -w '%{http_code}' "https://localhost:$port/" --resolve "localhost:$port:127.0.0.1") || fail "curl"
[ "$answered" = 200 ] || fail "the answer was $answered"
curl -sk --max-time 5 "https://127.0.0.1:$INBOUND_PORT/" >/dev/null && fail "served without a header"
stop "$edge"
stop "$inbound"
[ "$(count '"source":"127.0.0.2"' "$DIR/inbound.log")" = 1 ] || fail "the log does not name the client"

echo "  through the edge    200, and the log of the one behind it names the client"
echo "  past the edge       no PROXY header, no service"
