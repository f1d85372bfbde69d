# What the examples' run.sh share. Each sources it first: it installs and builds what is missing, goes to
# the top level, starts programs on free ports and, whatever happens, ends them again.
set -eu
cd "$(dirname "$0")/../.."

# fail TEXT: ends the example, with the last lines of all that was logged.
fail() {
  echo "NOT AS EXPECTED: $1" >&2
  for log in "$DIR"/*.out "$DIR"/*.log; do
    [ ! -s "$log" ] || { echo "--- $log" >&2; tail -n 5 "$log" >&2; }
  done
  exit 1
}

build() {
  sh tests/setup.sh
  mkdir -p build
  [ -x build/release/outrider ] || echo "Building Outrider (some minutes the first time) ..."
  if ! { cmake --preset release && cmake --build --preset release --target outrider example_origin
       } >build/examples.log 2>&1; then
    tail -n 40 build/examples.log >&2
    exit 1
  fi
}
if [ -z "${OUTRIDER:-}" ]; then
  build
  OUTRIDER=build/release/outrider
  EXAMPLE_ORIGIN=build/release/examples/example_origin
fi

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

# await_port FILE PATTERN: waits for a line that matches (10 s at most), sets `port` from what follows it.
await_port() {
  tries=0
  until grep -q "$2" "$1" 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || fail "no line like \"$2\" in $1"
    sleep 0.1
  done
  port=$(grep "$2" "$1" | head -n 1 | sed "s/.*$2 [^ ]*:\([0-9][0-9]*\).*/\1/")
}

# start_app [NAME]: the application of the examples; sets APP_PORT. What it was asked is in NAME.out (app.out).
start_app() {
  "$EXAMPLE_ORIGIN" >"$DIR/${1:-app}.out" &
  pids="$pids $!"
  await_port "$DIR/${1:-app}.out" 'listening on'
  APP_PORT=$port
  export APP_PORT
}

# start_outrider FILE LISTENER: sets `port` to the listener's, and `started` to the process.
start_outrider() {
  "$OUTRIDER" run "$1" 2>"$DIR/$2.out" &
  started=$!
  pids="$pids $started"
  await_port "$DIR/$2.out" "$2 listening on"
}

# stop PID: as an orchestrator would; when it has ended, its access log is complete.
stop() {
  kill "$1"
  wait "$1" || fail "process $1 did not drain in order: exit status $?"
}

# get URL [CURL'S OPTIONS]: sets `status`, and `answer` to the head and the body.
get() {
  answer=$(curl -sS -i --http1.1 --max-time 10 "$@") || fail "curl $1"
  status=$(echo "$answer" | sed -n '1s/[^ ]* \([0-9]*\).*/\1/p')
}

# count TEXT FILE: how many lines hold it.
count() { grep -c -- "$1" "$2" || true; }
