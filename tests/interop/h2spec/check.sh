#!/bin/sh
# The HTTP/2 a client meets, by h2spec: all of its cases, strictly, clear and over TLS. Clear, the port
# speaks HTTP/2 alone: where HTTP/1 is spoken as well, what is no preface is a bad request of HTTP/1, and
# answered as one. H2SPEC: the program; else Go builds it (github.com/summerwind/h2spec).
: "${OUTRIDER:?}"
. "$(dirname "$0")/../../../examples/common.sh"
cd ..
here=tests/interop/h2spec
skip() { echo "skipped: $1"; exit 0; }

PATH=$PATH:/usr/local/go/bin
if [ -z "${H2SPEC:-}" ]; then
  command -v go >/dev/null || skip "h2spec: there is no Go to build it with"
  GOBIN=$DIR/bin go install github.com/summerwind/h2spec/cmd/h2spec@latest >"$DIR/go.log" 2>&1 ||
    skip "h2spec: Go could not build it: $(tail -n 1 "$DIR/go.log")"
  H2SPEC=$DIR/bin/h2spec
fi
"$OUTRIDER" certs "$DIR" localhost >/dev/null || fail "no certificates"
start_outrider "$here/outrider.yaml" clear
clear=$port
await_port "$DIR/clear.out" "tls listening on"
tls=$port

# check NAME PORT [OPTIONS]
check() {
  name=$1
  to=$2
  shift 2
  timeout 300 "$H2SPEC" --strict -h 127.0.0.1 -p "$to" -o 3 "$@" >"$DIR/$name.txt" 2>&1 || {
    sed -n '/^Failures/,$p' "$DIR/$name.txt"
    fail "h2spec, $name"
  }
  echo "ok: h2spec --strict, $name: $(tail -n 1 "$DIR/$name.txt")"
}
check clear "$clear"
check tls "$tls" -t -k
