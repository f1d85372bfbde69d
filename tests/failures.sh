#!/bin/sh
# Says again which checks failed in the last run of ctest, without what the programs logged meanwhile. The
# argument is a build folder.
set -eu
log=$1/Testing/Temporary/LastTest.log
[ -f "$log" ] || exit 0
awk '
  / Testing: / { name = $NF; kept = 0; checks = 0; left = 0; place = ""; next }
  /^Output:$/ { next }
  /^Test Failed\.$/ {
    print "-- " name
    from = checks ? 1 : (kept > 20 ? kept - 19 : 1)
    for (i = from; i <= (checks ? checks : kept); i++) print checks ? check[i] : line[i]
  }
  { line[++kept] = $0 }
  /^TEST CASE: / { place = before "\n" $0 }
  / ERROR: / || /^  it crashed|SIG[A-Z]+ - |WARNING: ThreadSanitizer|ERROR: AddressSanitizer|runtime error:/ {
    if (place != "") check[++checks] = place
    place = ""
    left = 12
  }
  left > 0 && checks < 200 { check[++checks] = $0; left-- }
  { before = $0 }
' "$log"
