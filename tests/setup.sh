#!/bin/sh
# Installs what Outrider needs to be built and tested on Debian 12: nothing if it is all there. Needs
# root or sudo; asks nothing. With --fuzz also what the fuzzers need.
set -eu
packages="g++ cmake ninja-build ccache pkg-config libboost1.81-dev libnghttp2-dev libssl-dev
  libyaml-cpp-dev libc-ares-dev libre2-dev doctest-dev curl ca-certificates
  nghttp2-client"
[ "${1:-}" = --fuzz ] && packages="$packages clang-14 libclang-rt-14-dev"

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
echo "setup: installing$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends $missing >/dev/null
