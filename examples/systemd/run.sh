#!/bin/sh
# The unit's configuration is valid and serves; systemd, where it is there, finds no fault in the unit
# and rates its exposure 2.0 at most.
. "$(dirname "$0")/../common.sh"

"$OUTRIDER" check examples/systemd/outrider.yaml || fail "the configuration is not valid"

if command -v systemd-analyze >/dev/null; then
  mkdir "$DIR/units"
  sed "s|/usr/bin/outrider|$(readlink -f "$OUTRIDER")|" examples/systemd/outrider.service >"$DIR/units/outrider.service"
  cp examples/systemd/outrider.socket "$DIR/units/"
  systemd-analyze verify --man=no "$DIR/units/outrider.service" "$DIR/units/outrider.socket" >"$DIR/verify.log" 2>&1 ||
    fail "systemd does not take the units"
  ! grep -q "$DIR/units" "$DIR/verify.log" || fail "systemd warns of the units"
  rating=$(systemd-analyze security --offline=true "$DIR/units/outrider.service" |
    sed -n 's/.*Overall exposure level for outrider.service: \([0-9.]*\).*/\1/p')
  awk "BEGIN { exit !(\"$rating\" != \"\" && $rating <= 2.0) }" || fail "systemd rates its exposure $rating"
  echo "  systemd-analyze security: $rating"
else
  echo "  systemd-analyze is not here: the unit was not rated"
fi

# The same file on free ports.
start_app
sed "s/:15000/:0/; s/:15001/:0/; s/:8080/:$APP_PORT/; s|to: stdout|to: $DIR/access.log|" \
  examples/systemd/outrider.yaml >"$DIR/outrider.yaml"
start_outrider "$DIR/outrider.yaml" egress
get "http://127.0.0.1:$port/hello"
[ "$status" = 200 ] || fail "the application's answer was $status"
get "http://127.0.0.1:$port/" -H 'host: outrider.example'
stop "$started"
echo "$answer" | grep -q 'Outrider is here' || fail "its own answer is not there"
echo "  GET / -> $(echo "$answer" | tail -n 1)"
