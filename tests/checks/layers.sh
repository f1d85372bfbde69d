#!/bin/sh
# Fails on an include upwards, on a library's header outside the files that may know it, and on what
# g++ 12 compiles wrongly or traffic must not meet. Usage: layers.sh SOURCE_DIR
set -u
cd "$1" || exit 2
status=0
complain() { echo "$1"; status=1; }

# allowed FOLDER FOLDERS...: FOLDER's files may include these folders' headers, and its own.
allowed() {
  folder=$1; shift
  pattern=$(printf '%s/|' "$folder" "$@" | sed 's/|$//')
  bad=$(grep -nE '^#include "' "$folder"/*.[ch]pp 2>/dev/null | grep -vE "#include \"($pattern)[^/]*\"")
  [ -z "$bad" ] || complain "$folder includes what stands above it:
$bad"
}
allowed proxy/base
allowed proxy/stats proxy/base
allowed proxy/http proxy/stats proxy/base
allowed config proxy/stats proxy/base
allowed certs proxy/stats proxy/base
allowed proxy/net proxy/http config certs proxy/stats proxy/base
allowed proxy/http1 proxy/net proxy/http config certs proxy/stats proxy/base
allowed proxy/http2 proxy/net proxy/http config certs proxy/stats proxy/base
allowed filters proxy/http config certs proxy/stats proxy/base
allowed proxy/upstream proxy/http1 proxy/http2 proxy/net proxy/http config certs proxy/stats proxy/base
allowed proxy/server proxy/upstream filters proxy/http1 proxy/http2 proxy/net proxy/http config certs proxy/stats proxy/base

# only_in HEADER FILES...: a library is known to these files alone.
only_in() {
  header=$1; shift
  bad=$(grep -lE "#include <$header" proxy/*.cpp proxy/*/*.[ch]pp filters/*.[ch]pp config/*.[ch]pp certs/*.[ch]pp 2>/dev/null |
    grep -vE "^($1)" )
  [ -z "$bad" ] || complain "<$header...> is included by: $bad"
}
only_in nghttp2/ 'proxy/http2/session\.'
only_in yaml-cpp/ 'config/node\.'
only_in openssl/ 'proxy/net/tls|certs/'
only_in 'ares' 'proxy/net/resolver'
only_in regex 'none'

# Inside of parentheses co_await is compiled wrongly, but for `if (auto x = co_await e; ...)`.
bad=$(awk '
  /^ *\/\// || /if \((const )?auto [a-z_]+ = co_await/ { next }
  match($0, /co_await/) {
    before = substr($0, 1, RSTART - 1)
    sub(/\/\/.*/, "", before)
    if (gsub(/\(/, "(", before) > gsub(/\)/, ")", before) || before ~ /\?/) print FILENAME ":" FNR ":" $0
  }' proxy/*/*.?pp filters/*.?pp tests/unit/*/*.cpp tests/harness/*.?pp)
[ -z "$bad" ] || complain "co_await stands in a form that g++ 12 may miscompile:
$bad"
[ "$status" = 0 ] && echo "layers hold"
exit "$status"
