#!/bin/sh
# Endpoints are listed in a file. It is replaced in one step (write beside it, rename) and traffic moves;
# a broken one changes nothing; an empty list means that there is no endpoint.
. "$(dirname "$0")/../common.sh"
start_app
first=$APP_PORT
mv "$DIR/app.out" "$DIR/first.out"
start_app
second=$APP_PORT

# list TEXT: puts it in the place of the file, as whoever writes such files should.
list() {
  echo "$1" >"$DIR/endpoints.yaml.new"
  mv "$DIR/endpoints.yaml.new" "$DIR/endpoints.yaml"
}

# await TEXT: until Outrider has said so, this many times.
await() {
  tries=0
  until [ "$(count "$1" "$DIR/egress.out")" -ge "$2" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || fail "no line like \"$1\" ($2)"
    sleep 0.1
  done
}

list "- 127.0.0.1:$first"
start_outrider examples/discovery/outrider.yaml egress
url=http://127.0.0.1:$port
await_port "$DIR/egress.out" 'admin listening on'
metrics=http://127.0.0.1:$port/metrics
await '1 endpoint listed by' 1
get "$url/one"
[ "$status" = 200 ] || fail "the first app gave $status"

list "- { address: \"127.0.0.1:$second\", weight: 2 }"
await '1 endpoint listed by' 2
get "$url/two"
[ "$status" = 200 ] || fail "the second app gave $status"

list "- 127.0.0.1"
await 'what was listed before stays' 1
get "$url/three"
[ "$status" = 200 ] || fail "a broken file took the service away: $status"
get "$metrics"
echo "$answer" | grep -q 'outrider_discovery_success{cluster="app"} 0' || fail "the metric says nothing of it"

list "[]"
await 'lists no endpoint' 1
get "$url/four"
[ "$status" = 503 ] || fail "without endpoints there was $status"
stop "$started"

[ "$(count ' /one' "$DIR/first.out")" = 1 ] || fail "/one was not the first app's"
[ "$(count ' /two' "$DIR/app.out")" = 1 ] || fail "/two was not the second app's"
[ "$(count ' /three' "$DIR/app.out")" = 1 ] || fail "/three was not the second app's"
[ "$(count '"reason":"no_endpoint"' "$DIR/outrider.log")" = 1 ] || fail "the log does not say no_endpoint"

cat <<TEXT
  endpoints.yaml lists the first app     /one went there
  replaced, lists the second             /two went there, no reload
  replaced by a broken one               /three too: what was listed before stays, log and metric say so
  replaced by []                         /four: 503 no_endpoint
TEXT
