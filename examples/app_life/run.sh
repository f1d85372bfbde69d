#!/bin/sh
# Outrider starts the application, opens its inbound listener when the application is ready, and ends as
# it ends.
. "$(dirname "$0")/../common.sh"
export EXAMPLE_ORIGIN
start_app                                    # for a port that is free
kill $pids && wait $pids || true
pids=""

start_outrider examples/app_life/outrider.yaml ingress
get "http://127.0.0.1:$port/hello"
[ "$status" = 200 ] || fail "the first request gave $status: ingress opened before the app was ready"
kill "$started"
ended=0
wait "$started" || ended=$?
[ "$ended" = 143 ] || fail "Outrider ended with $ended, not with the app's 143 (SIGTERM)"

ended=0
"$OUTRIDER" run examples/minimal/outrider.yaml -- sh -c 'echo "$OUTRIDER_LISTENER_EGRESS"; exit 3' \
  >"$DIR/job.out" 2>"$DIR/job.log" || ended=$?
[ "$ended" = 3 ] || fail "Outrider ended with $ended, not with the job's 3"
grep -q '^127.0.0.1:[0-9]' "$DIR/job.out" || fail "the job was not told where egress listens"

cat <<TEXT
  app with \`ready\`     its first request came through, and SIGTERM ended both: status 143
  a job behind \`--\`    knew egress as $(cat "$DIR/job.out"), and its status 3 was Outrider's
TEXT
