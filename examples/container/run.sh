#!/bin/sh
# What the image holds, without an engine: laid out, weighed, and run as an unprivileged user with
# nothing else around it.
. "$(dirname "$0")/../common.sh"

if ldd "$OUTRIDER" | grep -q 'lib[at]san'; then
  echo "  a build with sanitizers is none that one ships: skipped"
  exit 0
fi
sh examples/container/root.sh "$OUTRIDER" "$DIR/root" || fail "the image could not be laid out"
size=$(du -s --apparent-size --block-size=1M "$DIR/root" | cut -f 1)
[ "$size" -lt 40 ] || fail "it weighs $size MB"
echo "  $size MB: $(find "$DIR/root" -type f | wc -l) files"

"$OUTRIDER" check examples/container/outrider.yaml || fail "the configuration is not valid"
if [ "$(id -u)" != 0 ] || ! chroot --userspec=65532:65532 "$DIR/root" /usr/bin/outrider version; then
  echo "  only root can enter it: not run"
  exit 0
fi

start_app
PROBES=127.0.0.1:0 INGRESS=127.0.0.1:0 EGRESS=127.0.0.1:0 APP=http://127.0.0.1:$APP_PORT
export PROBES INGRESS EGRESS APP
sed -i 's/127.0.0.1:15000/127.0.0.1:0/' "$DIR/root/etc/outrider/outrider.yaml"
chroot --userspec=65532:65532 "$DIR/root" /usr/bin/outrider run /etc/outrider/outrider.yaml \
  >"$DIR/access.log" 2>"$DIR/outrider.out" &
started=$!
pids="$pids $started"
await_port "$DIR/outrider.out" "ingress listening on"
get "http://127.0.0.1:$port/hello"
[ "$status" = 200 ] || fail "the answer was $status"
stop "$started"
echo "  GET /hello -> $status as user 65532, and it drained"
