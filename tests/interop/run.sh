#!/bin/sh
# Lets clients and servers that others wrote talk to each other through Outrider: one folder for each
# kind, whose check.sh says what passed, and by name what it skipped and why. Arguments: folders; none =
# all. OUTRIDER is the program to use, else the one of the release preset. Exits non-zero if something
# did not pass; what is missing on this machine is no failure.
set -eu
cd "$(dirname "$0")/../.."
OUTRIDER=${OUTRIDER:-build/release/outrider}
[ -x "$OUTRIDER" ] || { echo "interop: there is no $OUTRIDER; build it first, or say where it is" >&2; exit 2; }
case $OUTRIDER in /*) ;; *) OUTRIDER=$PWD/$OUTRIDER ;; esac
export OUTRIDER
[ $# -gt 0 ] || set -- $(ls -d tests/interop/*/ | xargs -n 1 basename)
status=0
for kind; do
  echo "== $kind"
  sh "tests/interop/$kind/check.sh" || status=1
done
exit $status
