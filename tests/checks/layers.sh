#!/bin/sh
# Fails on an include upwards, on a library's header outside the files that may know it, on a source
# that does not include its own header first, and on what g++ 12 compiles wrongly or traffic must not
# meet. Usage: layers.sh SOURCE_DIR
set -u
cd "$1" || exit 2
status=0
complain() { echo "$1"; status=1; }

# allowed FOLDER WHAT...: FOLDER's files may include its own headers and these folders' (or headers).
allowed() {
  folder=$1; shift
  pattern="$folder/[^/]*"
  for what in "$@"; do
    case $what in
      *.hpp) pattern="$pattern|$what" ;;
      *) pattern="$pattern|$what/[^/]*" ;;
    esac
  done
  bad=$(grep -nE '^#include "' "$folder"/*.[ch]pp /dev/null | grep -vE "#include \"($pattern)\"")
  [ -z "$bad" ] || complain "$folder includes what it may not know:
$bad"
}
base=proxy/base stats="proxy/stats proxy/base" http="proxy/http proxy/stats proxy/base"
net="proxy/net config certs $http" upstream="proxy/upstream proxy/http1 proxy/http2 $net"
server="proxy/server proxy/routing proxy/observe filters/registry.hpp $upstream"
# shellcheck disable=SC2086
{
  allowed proxy/base
  allowed proxy/stats $base
  allowed proxy/http $stats
  allowed config $stats
  allowed certs $stats
  allowed proxy/net config certs $http
  allowed proxy/http1 $net
  allowed proxy/http2 $net
  allowed filters config certs $http
  allowed proxy/upstream proxy/http1 proxy/http2 $net
  allowed proxy/routing config $http
  allowed proxy/observe config $http
  allowed proxy/server proxy/routing proxy/observe filters/registry.hpp $upstream
  allowed proxy/simulate $server
  allowed proxy/admin $server
  allowed proxy/process proxy/admin $server
  allowed proxy/cli proxy/process proxy/simulate $server
  allowed proxy proxy/cli
}

sources=$(find proxy filters config certs -name '*.[ch]pp')
[ -n "$sources" ] || complain "there are no sources in $1"

# only_in HEADER FILES: a library is known to these files alone.
only_in() {
  bad=$(grep -lE "#include <$1" $sources | grep -vE "^($2)")
  [ -z "$bad" ] || complain "<$1...> is included by: $bad"
}
only_in nghttp2/ 'proxy/http2/session'
only_in yaml-cpp/ 'config/node\.'
only_in openssl/ 'proxy/net/tls|certs/'
only_in ares 'proxy/net/resolver'
only_in regex nothing

for source in $(find proxy filters config certs -name '*.cpp'); do
  header=${source%.cpp}.hpp
  [ ! -e "$header" ] || [ "$(grep -m 1 '^#include' "$source")" = "#include \"$header\"" ] ||
    complain "$source does not include $header first"
done

awaits=$(awk -f tests/checks/awaits.awk $sources $(find tests examples -name '*.[ch]pp'))
[ -z "$awaits" ] || complain "co_await stands in a form that g++ 12 may miscompile:
$awaits"

[ "$status" = 0 ] && echo "layers hold"
exit "$status"
