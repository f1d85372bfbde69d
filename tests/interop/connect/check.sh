#!/bin/sh
# The conformance suite of connectrpc, whole: Connect, gRPC and gRPC-Web over HTTP/1 and HTTP/2, in
# clear, with TLS and with client certificates. Its reference client and server talk through one
# Outrider (see server.py). The programs are those in CONFORMANCE_BIN, or built by Go from their module.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
DIR=$(mktemp -d)
export DIR
trap 'rm -rf "$DIR"' EXIT
trap 'exit 1' INT TERM

bin=${CONFORMANCE_BIN:-$DIR/bin}
if [ ! -x "$bin/connectconformance" ] && command -v go >/dev/null; then
  for program in connectconformance referenceserver; do
    GOBIN=$bin timeout 1200 go install "connectrpc.com/conformance/cmd/$program@v1.0.7" \
      >"$DIR/go.out" 2>&1 || { tail -n 3 "$DIR/go.out"; break; }
  done
fi
if ! [ -x "$bin/connectconformance" ] || ! [ -x "$bin/referenceserver" ]; then
  echo "skipped: connectrpc's conformance suite: no Go, or its modules cannot be had"
  exit 0
fi
command -v python3 >/dev/null || { echo "skipped: connectrpc's conformance suite: no python3"; exit 0; }
if timeout 580 "$bin/connectconformance" --mode server --conf "$here/suite.yaml" --max-servers 2 \
  --parallel 4 -- python3 "$here/server.py" "$OUTRIDER" "$bin/referenceserver" >"$DIR/out" 2>&1; then
  echo "ok: connectrpc conformance, $(tail -n 1 "$DIR/out")"
else
  echo "NOT ok: connectrpc conformance"
  grep '^FAILED' "$DIR/out" | head -n 20
  tail -n 3 "$DIR/out"
  exit 1
fi
