#!/bin/sh
# One request whose first answer is an error: the collector gets one tree of seven spans.
. "$(dirname "$0")/../common.sh"
command -v python3 >/dev/null || { echo "SKIPPED: the collector needs python3"; exit 0; }
python3 examples/tracing/collector.py >"$DIR/collector.out" 2>&1 &
pids="$pids $!"
await_port "$DIR/collector.out" 'collector listening on'
COLLECTOR_PORT=$port
export COLLECTOR_PORT
start_app
start_outrider examples/tracing/inbound.yaml ingress
inbound=$started
INBOUND_PORT=$port
export INBOUND_PORT
start_outrider examples/tracing/outbound.yaml egress
outbound=$started

trace=0af7651916cd43dd8448eb211c80319c
caller=b7ad6b7169203331
get "http://127.0.0.1:$port/flaky" -H "traceparent: 00-$trace-$caller-01"
[ "$status" = 200 ] || fail "the request gave $status"
stop "$outbound"                            # what is left of spans goes out before it ends
stop "$inbound"

# below SPAN MARGIN: the spans below that one.
below() {
  grep "$trace [0-9a-f]* $1 " "$DIR/collector.out" | while read -r service kind _ span _ rest; do
    echo "$2$service $kind: $rest"
    below "$span" "$2  "
  done
}
below "$caller" '  ' | tee "$DIR/tree"
sort "$DIR/tree" >"$DIR/found"
sort >"$DIR/wanted" <<'END'
  shop server: GET orders 200
    shop client: GET 503
      orders server: GET app 503
        orders client: GET 503
    shop client: GET 200
      orders server: GET app 200
        orders client: GET 200
END
cmp -s "$DIR/found" "$DIR/wanted" || fail "the tree is not the one that it should be"
[ "$(cat "$DIR/outbound.log")" = "/flaky 200 2 $trace" ] || fail "the access log does not say which trace it was"
