#!/bin/sh
# The app answers every request with 200. Of forty requests some are reset or get a 503 all the same; the same
# chaos below a retry costs retries, and no answer. Then a body breaks off in its middle.
. "$(dirname "$0")/../common.sh"
start_app
start_outrider examples/fault/outrider.yaml egress
url=http://127.0.0.1:$port

n=0
while [ "$n" -lt 40 ]; do
  n=$((n + 1))
  get "$url/naked"
  case $status in 200 | 502 | 503) ;; *) fail "the chaos gave $status" ;; esac
  get "$url/shielded"
  [ "$status" = 200 ] || fail "behind the retry the chaos was seen: $status"
done
if curl -sS -o "$DIR/cut.out" --max-time 10 "$url/cut" 2>/dev/null; then fail "the body was whole"; fi
[ -s "$DIR/cut.out" ] || fail "nothing of the body came"
retries=$(curl -sS --unix-socket "$DIR/admin.sock" http://localhost/metrics |
  awk '/^outrider_retries_total/ { all += $NF } END { print all + 0 }')
[ "$retries" -gt 0 ] || fail "nothing was tried again"
stop "$started"

log=$DIR/outrider.log
naked=$(grep '"path":"/naked"' "$log")
good=$(echo "$naked" | grep -c '"status":200')
reset=$(echo "$naked" | grep -c '"reason":"reset"' || true)
refused=$(echo "$naked" | grep -c '"status":503' || true)
[ "$reset" -gt 0 ] && [ "$refused" -gt 0 ] || fail "no chaos: $good good, $reset reset, $refused of 503"

cat <<TEXT
  naked       40 requests: $good times 200, $reset reset, $refused times 503
  shielded    40 requests: 40 times 200, after $retries retries
  cut         5 bytes of the body, then it breaks off
TEXT
