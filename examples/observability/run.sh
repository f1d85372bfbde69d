#!/bin/sh
# The alert rules pass their tests; a real Prometheus scrapes a real Outrider, takes the rules, and
# answers the dashboard's queries. Where Prometheus (Debian's `prometheus`) is not, that is skipped.
. "$(dirname "$0")/../common.sh"
here=examples/observability
start_app
"$OUTRIDER" check $here/outrider.yaml >/dev/null 2>&1 || fail "the configuration is not valid"

if ! command -v promtool >/dev/null || ! command -v prometheus >/dev/null; then
  echo "  prometheus is not here: rules and queries were not tried"
  exit 0
fi
promtool check rules $here/rules.yml >"$DIR/rules.log" 2>&1 || fail "the rules are not valid"
(cd $here && promtool test rules rules_test.yml) >"$DIR/tests.log" 2>&1 || fail "a rule does not say what it should"
echo "  $(grep 'rules found' "$DIR/rules.log"), and their tests pass"

start_outrider $here/outrider.yaml egress
egress=$port
await_port "$DIR/egress.out" 'admin listening on'
admin=$port
sed "s/127.0.0.1:15000/127.0.0.1:$admin/; s/15s/1s/" $here/prometheus.yml >"$DIR/prometheus.yml"
cp $here/rules.yml "$DIR/"
prometheus --config.file="$DIR/prometheus.yml" --storage.tsdb.path="$DIR/data" \
  --web.listen-address=127.0.0.1:0 --log.level=info >"$DIR/prometheus.out" 2>&1 &
pids="$pids $!"
await_port "$DIR/prometheus.out" 'component=web msg="Listening on"'
prometheus=http://127.0.0.1:$port

curl -s "http://127.0.0.1:$admin/metrics" >"$DIR/metrics"
promtool check metrics <"$DIR/metrics" >"$DIR/metrics.log" 2>&1 || fail "promtool finds fault with the metrics"
scraped() {
  curl -s "$prometheus/api/v1/query?query=count_over_time(outrider_build_info%5B1m%5D)" | grep -qE ',"([5-9]|[1-9][0-9])"'
}
tries=0
until scraped; do
  curl -s -o /dev/null "http://127.0.0.1:$egress/hello"
  curl -s -o /dev/null "http://127.0.0.1:$egress/gone"
  tries=$((tries + 1))
  [ "$tries" -lt 150 ] || fail "Prometheus has not scraped it"
  sleep 0.1
done
python3 $here/queries.py $here/dashboard.json "$prometheus" || fail "the dashboard asks what is not there"
