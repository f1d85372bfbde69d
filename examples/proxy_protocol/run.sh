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

local_port=$(curl -sS --cacert "$DIR/ca.pem" --max-time 10 -o "$DIR/answer" \
  -w '%{local_port} %{http_code}' "https://localhost:$port/" --resolve "localhost:$port:127.0.0.1") ||
  fail "curl"
[ "${local_port#* }" = 200 ] || fail "the answer was ${local_port#* }"
curl -sk --max-time 5 "https://127.0.0.1:$INBOUND_PORT/" >/dev/null && fail "served without a header"
stop "$edge"
stop "$inbound"
source=127.0.0.1:${local_port% *}
[ "$(count "\"source\":\"$source\"" "$DIR/inbound.log")" = 1 ] || fail "the log does not name $source"

echo "  through the edge    200, and the log of the one behind it names $source"
echo "  past the edge       no PROXY header, no service"
