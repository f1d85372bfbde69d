#!/bin/sh
# Installs what Outrider needs to be built and tested on Debian 12: nothing if it is all there. Needs
# root or sudo; asks nothing. With --fuzz also what the fuzzers need. Where another process holds a
# package lock (a fresh machine updates itself), it waits and says for whom; at most
# OUTRIDER_SETUP_PATIENCE seconds (600).
set -eu
packages="g++ cmake ninja-build ccache pkg-config libboost1.81-dev libnghttp2-dev libssl-dev
  libyaml-cpp-dev libc-ares-dev libre2-dev doctest-dev curl ca-certificates
  nghttp2-client"
[ "${1:-}" = --fuzz ] && packages="$packages clang-14 libclang-rt-14-dev"
root=${OUTRIDER_SETUP_ROOT:-}  # for its test
patience=${OUTRIDER_SETUP_PATIENCE:-600}
locks="$root/var/lib/apt/lists/lock $root/var/lib/dpkg/lock-frontend $root/var/lib/dpkg/lock
  $root/var/cache/apt/archives/lock"

missing=""
for package in $packages; do
  dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -q '^installed$' ||
    missing="$missing $package"
done
[ -z "$missing" ] && exit 0

as_root=""
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "setup: run this as root, or install sudo" >&2; exit 1; }
  as_root="sudo"
fi

# "apt-get (process 123)" for the one that holds the lock, by its inode in /proc/locks; "" = nobody.
holder() {
  inode=$(stat -c %i "$1" 2>/dev/null) || return 0
  process=$(awk -v end=":$inode" '
    substr($6, length($6) - length(end) + 1) == end && $2 != "->" { print $5; exit }' /proc/locks)
  [ -z "$process" ] || echo "$(cat "/proc/$process/comm" 2>/dev/null || echo another) (process $process)"
}

# The first lock that is held, and by whom; "" = none.
held() {
  for lock in $locks; do
    who=$(holder "$lock")
    [ -z "$who" ] || { echo "$who holds $lock"; return; }
  done
}

waited=0
# Waits until no package lock is held.
wait_for_locks() {
  said=""
  while now=$(held) && [ -n "$now" ]; do
    [ "$now" = "$said" ] || echo "setup: waiting: $now"
    said=$now
    if [ "$waited" -ge "$patience" ]; then
      echo "setup: waited $waited s: $now. Wait for it to end, or end it, and start again." >&2
      exit 1
    fi
    sleep 1
    waited=$((waited + 1))
  done
}

# Somebody may come between the look at the locks and the command: apt-get says so (on update it does
# not wait for a lock whatever its options), and its turn comes again.
without_locks() {
  while :; do
    wait_for_locks
    if said_last=$("$@" 2>&1); then return 0; fi
    case $said_last in *"Could not get lock"* | *"Unable to acquire"* | *"Unable to lock"*) ;; *)
      echo "$said_last" >&2
      exit 1
    esac
    if [ "$waited" -ge "$patience" ]; then echo "$said_last" >&2; exit 1; fi
    sleep 1
    waited=$((waited + 1))
  done
}

echo "setup: installing$missing"
without_locks $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
# shellcheck disable=SC2086
without_locks $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
  --no-install-recommends -o DPkg::Lock::Timeout="$patience" $missing
