#!/bin/sh
# Certificates of both sides that change ten times a second, while each request makes a handshake of its
# own: none fails. SECONDS_OF_LOAD: how long, 10 by default.
: "${OUTRIDER:?}"
. "$(dirname "$0")/../../../examples/common.sh"
cd ..
here=tests/interop/rotation
command -v python3 >/dev/null || { echo "skipped: rotation: there is no python3"; exit 0; }
for name in localhost client; do
  "$OUTRIDER" certs "$DIR" "$name" >/dev/null || fail "no certificates"
done
start_outrider "$here/inbound.yaml" ingress
inbound=$started INBOUND_PORT=$port
export INBOUND_PORT
start_outrider "$here/outbound.yaml" egress

# A pair is read when both files are there: one that does not fit together is not taken.
(
  while [ ! -e "$DIR/stop" ]; do
    for name in localhost client; do
      rm -f "$DIR/$name.crt" "$DIR/$name.key"
      "$OUTRIDER" certs "$DIR" "$name" >/dev/null
      echo x >>"$DIR/rotations"
    done
    sleep 0.1
  done
) &
rotating=$!
pids="$pids $rotating"
said=$(python3 "$here/load.py" "$port" "${SECONDS_OF_LOAD:-10}" 2>&1) || fail "$said"
: >"$DIR/stop"
wait "$rotating" || true
loaded=$(grep -c 'certificate' "$DIR/ingress.out" || true)
echo "ok: $said, $(wc -l <"$DIR/rotations") pairs written meanwhile, $loaded lines on certificates in the server's log"
kill -0 "$inbound" || fail "the server has ended"
