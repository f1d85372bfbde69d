#!/bin/sh
# /broken fails at one origin and not at the other. A breaker of the place refuses all that goes to that
# cluster; one for each route leaves the other routes alone; one for each endpoint leaves nobody
# unanswered.
. "$(dirname "$0")/../common.sh"
start_app well; WELL_PORT=$APP_PORT
curl -sS --max-time 10 "http://127.0.0.1:$WELL_PORT/repair" >/dev/null || fail "curl, /repair"
start_app flaky; FLAKY_PORT=$APP_PORT
export WELL_PORT FLAKY_PORT
start_outrider examples/circuit_breaker_scopes/outrider.yaml place
place=http://127.0.0.1:$port
await_port "$DIR/place.out" 'route listening on'
route=http://127.0.0.1:$port
await_port "$DIR/place.out" 'endpoint listening on'
endpoint=http://127.0.0.1:$port

# breaks URL: four requests that fail at the origin.
breaks() {
  for _ in 1 2 3 4; do
    get "$1/broken"
    [ "$status" = 503 ] || fail "the app answered $status"
  done
}
# is_open URL: it is refused, and the app is not asked.
is_open() {
  get "$1"
  echo "$answer" | grep -qi '^proxy-status: .*details="circuit_open"' || fail "$1 is not refused: $answer"
}
# is_told PLACE: its breaker is open, and says so.
is_told() {
  curl -sS --unix-socket "$DIR/admin.sock" http://localhost/clusters |
    grep -q "\"place\":\"cluster $1\",\"state\":\"open\"" || fail "the breaker of $1 is not open"
}

breaks "$place"
is_open "$place/broken"
is_open "$place/"
is_told one_for_all

breaks "$route"
is_open "$route/broken"
for _ in 1 2 3 4 5; do
  get "$route/"
  [ "$status" = 200 ] || fail "the other route gave $status"
done
is_told one_for_each_route/route/broken

failed=0
for _ in 1 2 3 4 5 6 7 8; do
  get "$endpoint/broken"
  [ "$status" = 200 ] || failed=$((failed + 1))
done
[ "$failed" = 4 ] || fail "$failed of 8 failed, with every other at the flaky origin"
for _ in 1 2 3 4 5 6 7 8; do
  get "$endpoint/broken"
  [ "$status" = 200 ] || fail "$status though the breaker of the flaky endpoint is open"
done
is_told "one_for_each_endpoint/127.0.0.1:$FLAKY_PORT"
stop "$started"
[ "$(count /broken "$DIR/flaky.out")" = 12 ] || fail "the flaky origin was asked though a breaker was open"
[ "$(count '"reason":"circuit_open"' "$DIR/outrider.log")" = 3 ] || fail "the log tells of other refusals"

cat <<TEXT
  place       4 failures of /broken: then /broken is refused, and every other path of the cluster as well
  route       4 failures of /broken: then /broken is refused, the other route goes on with 200
  endpoint    4 failures of one endpoint: then all requests go to the other, and are answered with 200
TEXT
