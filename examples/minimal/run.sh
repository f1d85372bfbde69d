#!/bin/sh
# The smallest configuration: check it, serve one request with it, then misspell a word of it.
. "$(dirname "$0")/../common.sh"
start_app

"$OUTRIDER" check examples/minimal/outrider.yaml >/dev/null || fail "the file is not valid"
start_outrider examples/minimal/outrider.yaml egress
get "http://127.0.0.1:$port/hello"
stop "$started"
[ "$status" = 200 ] || fail "the answer was $status"
[ "$(count '"route":"egress.1","method":"GET"' "$DIR/outrider.log")" = 1 ] || fail "not one line in the log"

sed 's/routes:/rotues:/' examples/minimal/outrider.yaml >"$DIR/mistaken.yaml"
code=0
"$OUTRIDER" check "$DIR/mistaken.yaml" >"$DIR/mistake.out" 2>&1 || code=$?
[ "$code" = 1 ] || fail "check ended with $code, not with 1"
grep -q 'mistaken.yaml:6:5' "$DIR/mistake.out" || fail "the mistake has no place"
grep -q 'did you mean "*`*routes' "$DIR/mistake.out" || fail "nothing was suggested"

echo "  GET /hello -> $status; one line in the access log:"
cat "$DIR/outrider.log"
echo "  and what \`outrider check\` says of a misspelt word:"
sed "s|$DIR/||" "$DIR/mistake.out"
