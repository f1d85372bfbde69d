#!/bin/sh
# gRPC of others through two Outriders, in clear and over TLS: client -> egress -> ingress -> server.
# Clients and servers are Python's grpcio (Debian: python3-grpcio) and grpc-go's official interop
# programs (built by Go from their module, or those in INTEROP_BIN).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
DIR=$(mktemp -d)
export DIR
pids=""
clean_up() {
  for pid in $pids; do kill "$pid" 2>/dev/null || true; done
  for pid in $pids; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$DIR"
}
trap clean_up EXIT
trap 'exit 1' INT TERM
failed=0

skip() { echo "skipped: $1: $2"; }

# await_port FILE PATTERN: sets `port` by the line that matches (10 s at most).
await_port() {
  tries=0
  until grep -q "$2" "$1" 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || { echo "no line like \"$2\":"; cat "$1"; exit 1; }
    sleep 0.1
  done
  port=$(grep "$2" "$1" | head -n 1 | sed "s/.*$2 [^ ]*:\([0-9][0-9]*\).*/\1/")
}

# start_outrider NAME: both listeners' ports as `clear` and `tls`.
start_outrider() {
  "$OUTRIDER" run "$here/$1.yaml" 2>"$DIR/$1.out" &
  pids="$pids $!"
  await_port "$DIR/$1.out" 'clear listening on' && clear=$port
  await_port "$DIR/$1.out" 'tls listening on' && tls=$port
}

# through APP_PORT: a chain of its own for each server.
through() {
  APP_PORT=$1
  export APP_PORT
  start_outrider ingress
  CLEAR_PORT=$clear TLS_PORT=$tls
  export CLEAR_PORT TLS_PORT
  ingress_tls=$tls
  start_outrider egress
}

check() {
  name=$1
  shift
  if timeout 120 "$@" >"$DIR/check.out" 2>&1; then
    echo "ok: $name"
  else
    echo "NOT ok: $name (exit status $?)"
    tail -n 8 "$DIR/check.out"
    failed=1
  fi
}

"$OUTRIDER" certs "$DIR" localhost >/dev/null

python=""
for each in python3 /usr/bin/python3; do
  if [ -z "$python" ] && "$each" -c 'import grpc' 2>/dev/null; then python=$each; fi
done
if [ -n "$python" ]; then
  "$python" "$here/peer.py" serve >"$DIR/python.out" 2>&1 &
  pids="$pids $!"
  await_port "$DIR/python.out" 'listening on'
  through "$port"
  check "Python, clear all the way" "$python" "$here/peer.py" check "127.0.0.1:$clear"
  check "Python, TLS between the two" "$python" "$here/peer.py" check "127.0.0.1:$tls"
  check "Python, TLS from the client" \
    "$python" "$here/peer.py" check "localhost:$ingress_tls" "$DIR/ca.pem"
else
  skip "Python's grpcio" "no python3 with grpc (Debian: python3-grpcio)"
fi

bin=${INTEROP_BIN:-$DIR/bin}
module=google.golang.org/grpc/interop
if [ ! -x "$bin/interop_client" ] && command -v go >/dev/null; then
  for end in client server; do
    GOBIN=$bin timeout 1200 go install "$module/$end@v1.85.0" >"$DIR/go.out" 2>&1 &&
      mv "$bin/$end" "$bin/interop_$end" || { tail -n 3 "$DIR/go.out"; break; }
  done
fi
if [ -x "$bin/interop_client" ] && [ -x "$bin/interop_server" ]; then
  GRPC_GO_LOG_SEVERITY_LEVEL=info "$bin/interop_server" --port 0 --use_tls=false >"$DIR/go_server.out" 2>&1 &
  pids="$pids $!"
  await_port "$DIR/go_server.out" 'server listening on'
  through "$port"
  orca='{"loadBalancingConfig":[{"test_backend_metrics_load_balancer":{}}]}'
  for case in empty_unary large_unary client_streaming server_streaming ping_pong empty_stream \
    timeout_on_sleeping_server cancel_after_begin cancel_after_first_response \
    status_code_and_message special_status_message custom_metadata unimplemented_method \
    unimplemented_service orca_per_rpc orca_oob rpc_soak channel_soak; do
    set -- --test_case "$case" --soak_iterations 50
    case $case in orca_*) set -- "$@" --service_config_json "$orca" ;; esac
    check "grpc-go $case, clear all the way" "$bin/interop_client" \
      --server_host 127.0.0.1 --server_port "$clear" "$@"
    check "grpc-go $case, TLS between the two" "$bin/interop_client" \
      --server_host 127.0.0.1 --server_port "$tls" "$@"
    check "grpc-go $case, TLS from the client" "$bin/interop_client" --use_tls --use_test_ca \
      --ca_file "$DIR/ca.pem" --server_host_override localhost \
      --server_host 127.0.0.1 --server_port "$ingress_tls" "$@"
  done
  skip "grpc-go pick_first_unary" "grpc-go's own server says no server id, with or without a proxy"
  skip "grpc-go compute_engine_creds, service_account_creds, jwt_token_creds, per_rpc_creds, oauth2_auth_token, google_default_credentials" \
    "they need Google's servers"
else
  skip "grpc-go's interop client and server" "no Go, or its modules cannot be had"
fi
exit $failed
