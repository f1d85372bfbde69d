#!/bin/sh
# Prometheus' own checker takes what a running Outrider says of itself. Usage: metrics.sh OUTRIDER
set -u
outrider=$1
folder=$(mktemp -d) || exit 2
pid=
end() { [ -z "$pid" ] || kill "$pid"; wait; rm -rf "$folder"; }
trap end EXIT
cat >"$folder/outrider.yaml" <<END
version: 1
admin: { bind: "unix:$folder/admin" }
access_log: { format: none }
listeners:
  egress:
    bind: "unix:$folder/egress"
    filters: [{ throttle: { rate: 1000/s } }, shed]
    routes: [{ to: app }]
clusters:
  app:
    url: http://127.0.0.1:1
    pool: { hold: 0s }
    filters: [{ retry: { max_retries: 1, backoff: { base: 1ms } } }, circuit_breaker, collapse]
END
"$outrider" run "$folder/outrider.yaml" >"$folder/log" 2>&1 &
pid=$!
ask() { curl -sS --max-time 10 --unix-socket "$folder/admin" "$@"; }
tries=0
until grep -qs 'admin listening on' "$folder/log"; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || { cat "$folder/log"; exit 1; }
  sleep 0.1
done
curl -sS -o /dev/null --max-time 10 --unix-socket "$folder/egress" http://app.test/ || exit 1
ask http://localhost/metrics >"$folder/metrics" && promtool check metrics <"$folder/metrics" || exit 1
ask -H 'accept: application/openmetrics-text' http://localhost/metrics | tail -n 1 | grep -qx '# EOF'
