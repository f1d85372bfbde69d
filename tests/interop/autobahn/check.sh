#!/bin/sh
# The cases of Autobahn's WebSocket suite (framing, pings, reserved bits, opcodes, fragments, UTF-8, closing,
# sizes; with COMPRESSION=1 also permessage-deflate), both ways: its fuzzing client asks its own good
# server, and its good client asks its fuzzing server, straight, through one Outrider, and through two (TLS
# and HTTP/2 between them). A tunnel changes no verdict. It needs `wstest` of PyPI's autobahntestsuite
# 0.8.2, which Python 2.7 runs: in a virtualenv of that, `pip install autobahntestsuite`; WSTEST says where
# it is. CASES: others, as its specification takes them, default ["1.*", ... "10.*"].
: "${OUTRIDER:?}"
. "$(dirname "$0")/../../../examples/common.sh"
cd ..
here=tests/interop/autobahn
WSTEST=${WSTEST:-wstest}
for program in python3 "$WSTEST"; do
  command -v "$program" >/dev/null ||
    { echo "skipped: autobahn: there is no $program (Python 2.7: pip install autobahntestsuite)"; exit 0; }
done
sections="1 2 3 4 5 6 7 9 10"
[ -z "${COMPRESSION:-}" ] || sections="$sections 12 13"
CASES=${CASES:-[$(for each in $sections; do printf '"%s.*", ' "$each"; done | sed 's/, $//')]}
free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
await_open() {
  tries=0
  until python3 -c 'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1])))' "$1" 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || fail "nobody listens at $1"
    sleep 0.1
  done
}
# through PORT: sets `one` and `two` to where an Outrider, and two of them, lead there.
through() {
  APP_PORT=$1
  export APP_PORT
  start_outrider "$here/near.yaml" one
  one=$port
  await_port "$DIR/one.out" 'ingress listening on'
  INBOUND_PORT=$port
  export INBOUND_PORT
  start_outrider "$here/far.yaml" two
  two=$port
}
"$OUTRIDER" certs "$DIR" localhost >/dev/null || fail "no certificates"

# The fuzzing client asks.
direct=$(free_port)
"$WSTEST" -m testeeserver -w "ws://127.0.0.1:$direct" >"$DIR/good.out" 2>&1 &
pids="$pids $!"
await_open "$direct"
through "$direct"
for way in direct one two; do
  eval "at=\$$way"
  echo "{\"outdir\": \"$DIR/client.$way\", \"servers\": [{\"agent\": \"$way\", \"url\": \"ws://127.0.0.1:$at/\"}],
    \"cases\": $CASES, \"exclude-cases\": [], \"exclude-agent-cases\": {}}" >"$DIR/client.json"
  timeout 900 "$WSTEST" -m fuzzingclient -s "$DIR/client.json" >"$DIR/client.$way.out" 2>&1 ||
    fail "the fuzzing client did not end, $way"
done

# The fuzzing server answers.
fuzzing=$(free_port)
echo "{\"outdir\": \"$DIR/server\", \"url\": \"ws://127.0.0.1:$fuzzing\", \"cases\": $CASES,
  \"exclude-cases\": [], \"exclude-agent-cases\": {}}" >"$DIR/server.json"
"$WSTEST" -m fuzzingserver -u 0 -s "$DIR/server.json" >"$DIR/fuzzing.out" 2>&1 &
pids="$pids $!"
await_open "$fuzzing"
direct=$fuzzing
through "$fuzzing"
for way in direct one two; do
  eval "at=\$$way"
  timeout 900 "$WSTEST" -m testeeclient -w "ws://127.0.0.1:$at" -i "$way" >"$DIR/testee.$way.out" 2>&1 ||
    fail "the good client did not end, $way"
done
python3 - "$DIR" <<'PY'
import glob, json, sys
def verdicts(files):
    seen = {}
    for name in files:
        for agent, cases in json.load(open(name)).items():
            seen[agent] = {case: (each['behavior'], each['behaviorClose']) for case, each in cases.items()}
    return seen
status = 0
for who, files in (('client', glob.glob(sys.argv[1] + '/client.*/index.json')),
                   ('server', [sys.argv[1] + '/server/index.json'])):
    seen = verdicts(files)
    direct = next(seen[agent] for agent in seen if agent.startswith('direct'))
    for way, words in (('one', 'one Outrider'), ('two', 'two Outriders')):
        mine = next((seen[agent] for agent in seen if agent.startswith(way)), {})
        other = {case: (direct[case], mine.get(case)) for case in direct if direct[case] != mine.get(case)}
        good = sum(each[0] in ('OK', 'INFORMATIONAL', 'NON-STRICT') for each in mine.values())
        print('%s: autobahn\'s fuzzing %s through %s: %d cases, %d as they should be, %d otherwise than without'
              % ('NOT ok' if other or not mine else 'ok', who, words, len(mine), good, len(other)))
        for case, (was, now) in sorted(other.items())[:20]: print('  %s: %s, and now %s' % (case, was, now))
        status |= bool(other) or not mine
sys.exit(status)
PY
