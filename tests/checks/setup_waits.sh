#!/bin/sh
# The set-up waits for package locks that another process holds, says for whom, and gives up after its
# time. Runs it against a folder and commands of its own. Usage: setup_waits.sh SETUP
set -u
setup=$1
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
status=0
mkdir -p "$folder/bin" "$folder/var/lib/apt/lists" "$folder/var/lib/dpkg" "$folder/var/cache/apt/archives"
lock=$folder/var/lib/apt/lists/lock
: >"$lock"

# Nothing is installed; apt-get writes down what it is asked for.
printf '#!/bin/sh\nexit 1\n' >"$folder/bin/dpkg-query"
cat >"$folder/bin/apt-get" <<END
#!/bin/sh
echo "\$1" >>"$folder/asked"
[ -e "$folder/refusal" ] || exit 0
rm "$folder/refusal"
echo "E: Could not get lock $lock. It is held by process 1 (other)" >&2
exit 100
END
printf '#!/bin/sh\necho 0\n' >"$folder/bin/id"
chmod +x "$folder"/bin/*

run() {
  rm -f "$folder/asked"
  PATH="$folder/bin:$PATH" OUTRIDER_SETUP_ROOT=$folder OUTRIDER_SETUP_PATIENCE=$1 sh "$setup" \
    >"$folder/said" 2>&1
}
expect() {
  [ "$1" = "$2" ] && return
  printf '%s: %s, wanted %s; it said:\n' "$3" "$1" "$2"
  cat "$folder/said"
  status=1
}

# Holds the lock as apt-get does, until its input ends.
holding='use Fcntl; open(my $f, "+<", $ARGV[0]) or die; my $l = pack("s s l! l! i", F_WRLCK, 0, 0, 0, 0);
         fcntl($f, F_SETLK, $l) or die; print "held\n"; close(STDOUT); <STDIN>;'

run 5
expect $? 0 'without a lock'
expect "$(tr '\n' ' ' <"$folder/asked")" 'update install ' 'what it asked for'

: >"$folder/refusal"
run 5
expect $? 0 'refused once'
expect "$(tr '\n' ' ' <"$folder/asked")" 'update update install ' 'what it asked for after a refusal'

mkfifo "$folder/end" "$folder/held"
perl -e "$holding" "$lock" <"$folder/end" >"$folder/held" &
holder=$!
exec 9>"$folder/end"
read -r _ <"$folder/held"
run 1
expect $? 1 'a lock that is not given back'
expect "$(grep -c "^setup: waiting: perl (process $holder) holds $lock" "$folder/said")" 1 'whom it waits for'
expect "$(grep -c 'Wait for it to end' "$folder/said")" 1 'what to do'
[ ! -e "$folder/asked" ] || { echo 'it asked although the lock was held'; status=1; }

# Given back while it waits.
rm "$folder/said"
(exec 9>&-; run 60) &
waiting=$!
until grep -q '^setup: waiting' "$folder/said" 2>/dev/null; do kill -0 $waiting 2>/dev/null || break; done
exec 9>&-
wait $waiting
expect $? 0 'a lock that is given back'
expect "$(tr '\n' ' ' <"$folder/asked")" 'update install ' 'what it asked for then'
wait "$holder"
exit $status
