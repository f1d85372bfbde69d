#!/bin/sh
# The same three seconds twice: with a budget for retries the service recovers, without one it stays down
# although nothing is wrong with it any more. Nothing listens and nothing is connected to: time is virtual.
. "$(dirname "$0")/../common.sh"
folder=examples/simulate

# simulated NAME: runs it; sets `success` and `load`, of the last half minute.
simulated() {
  "$OUTRIDER" simulate "$folder/outrider.yaml" --scenario "$folder/scenario.yaml" --svg "$DIR/$1" \
    >"$DIR/$1.out" || fail "simulate failed"
  last=$(tail -n 1 "$DIR/$1.out")
  success=$(echo "$last" | sed 's/.*  *\([0-9.]*\) %.*/\1/')
  offered=$(echo "$last" | awk '{ print $3 }')
  load=$(echo "$last" | awk '{ printf "%.1f", $5 / $3 }')
  grep -q '</svg>' "$DIR/$1/outrider.svg" || fail "nothing was drawn"
}

simulated with
[ "$success" = 100.0 ] && [ "$load" = 1.0 ] || fail "with a budget it ended with $success %, load $load: $last"
cp "$DIR/with.out" "$DIR/again.out"
simulated with
cmp -s "$DIR/with.out" "$DIR/again.out" || fail "the same seed gave another output"
RATIO=100%; LEAST=100000/s; export RATIO LEAST
simulated without
[ "$success" = 0.0 ] || fail "without a budget it recovered: $last"
[ "$load" = 4.0 ] || fail "without a budget the load was $load: $last"

cat <<TEXT
  nine minutes after a pause of three seconds, of 280 requests a second:
  budget 10 %    100 % succeed; each request is asked once
  no budget        0 % succeed; each is asked four times, and answered when nobody waits any more
  outrider simulate $folder/outrider.yaml --scenario $folder/scenario.yaml --svg .    draws it
TEXT
