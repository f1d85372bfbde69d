#!/bin/sh
# What the commands say to a user, and how they exit: 0 done, 1 invalid, 2 misused.
# Usage: command_line.sh OUTRIDER
set -u
outrider=$1
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 2
status=0

# expect EXIT WORDS ARGUMENT...: the output holds the words.
expect() {
  wanted=$1; words=$2; shift 2
  said=$("$outrider" "$@" 2>&1 </dev/null); got=$?
  case $said in *"$words"*) ;; *) got="$got, without the words" ;; esac
  [ "$got" = "$wanted" ] && return
  printf 'outrider %s\n  exit %s, wanted %s with "%s"; it said:\n%s\n' "$*" "$got" "$wanted" "$words" "$said"
  status=1
}

cat >good.yaml <<END
version: 1
listeners: { in: { bind: 127.0.0.1:0, routes: [{ to: a }] } }
clusters: { a: { url: "http://127.0.0.1:1" } }
END
sed 's/version: 1/version: 2/; s/to: a/to: ab/' good.yaml >bad.yaml
sed 's/bind/tls: { cert: no.crt, key: no.key }, bind/' good.yaml >no_file.yaml
{ cat good.yaml; echo '  b: { url: "http://127.0.0.1:2" }'; } | sed 's/clusters: { a: \(.*\) }$/clusters:\n  a: \1/' >unused.yaml
{ cat good.yaml; echo 'log: { to: none/x.log }'; } >logs.yaml
{ cat good.yaml; echo 'access_log: false'; } >no_log.yaml
{ cat good.yaml; echo 'app: { command: [./none-here] }'; } >no_app.yaml
: >empty.yaml
sed "s#127.0.0.1:0#'unix:/nowhere/x'#" good.yaml >nowhere.yaml
sed "s#127.0.0.1:0#'unix:$folder/x', owner: nobody-at-all#" good.yaml >nobody.yaml
{ cat good.yaml; echo 'app: { stop_timeout: 1s }'; } >app_only.yaml
{ cat good.yaml; echo 'app: { command: ["true"] }'; } >app.yaml
printf 'version: 1\nx: \377\n' >latin.yaml
sed 's#url: "http://127.0.0.1:1"#discovery: { file: list.yaml }#' good.yaml >listed.yaml
sed 's/http:.*1"/&, filters: [throttle: { rate: 10\/s }]/' good.yaml >throttled.yaml
echo 'events: [{ at: 1s, what: away, factor: 3 }]' >scenario.yaml
echo '{"ts":"2026-01-31T12:34:56.789Z","listener":"in","method":"GET","host":"a","path":"/x","status":200,"ms":{"total":12.000,"first_byte":11.000},"attempts":1,"cluster":"a"}' >recorded.log
echo 'events: [{ at: 1s, what: away }, { at: 5s, what: away }]' >late.yaml
echo 'requests: [{ listener: inn }]' >elsewhere.yaml
sed 's/"in"/"out"/' recorded.log >elsewhere.log
sed 's/routes: [^ ]* .*$/tcp: { to: a } } }/; s#http:#tcp:#' good.yaml >opaque.yaml
mkdir dir

expect 0 'good.yaml: valid' check good.yaml
expect 0 'warning: unused.yaml:5:3: no route' check unused.yaml
expect 0 'no route leads to the cluster "b"' check unused.yaml
expect 0 'unused.yaml: valid' check unused.yaml
expect 1 'logs.yaml:4:12: cannot write to none/x.log: No such file' check logs.yaml
expect 1 'nowhere.yaml:2:26: listener in: cannot bind unix:/nowhere/x: No such file' check nowhere.yaml
expect 1 'there is no such user to own' check nobody.yaml
expect 0 'warning: listed.yaml:3:37: cluster a: cannot read list.yaml: No such file' check listed.yaml
printf -- '- 127.0.0.1:1\n- 127.0.0.1\n- 127.0.0.2\n' >list.yaml
expect 1 'list.yaml:2:3: "127.0.0.1" has no port' check listed.yaml
expect 1 'list.yaml:3:3: "127.0.0.2" has no port' check listed.yaml
expect 1 'list.yaml:2:3: "127.0.0.1" has no port' run listed.yaml
expect 1 '"valid":false,"problems":[{"message":"' check --json listed.yaml
echo '[]' >list.yaml
expect 0 'warning: listed.yaml:3:37: cluster a: list.yaml lists no endpoint; until it does' check listed.yaml
printf -- '- 127.0.0.1:1\n' >list.yaml
expect 0 'listed.yaml: valid' check listed.yaml
expect 1 'bad.yaml:1:10: this version understands `version: 1`' check bad.yaml
expect 1 'there is no cluster "ab", did you mean "a"?' check bad.yaml
expect 1 'no_file.yaml:2:33: no.crt: No such file' check no_file.yaml
expect 1 'cannot read missing.yaml: No such file' check missing.yaml
expect 1 'cannot read missing.yaml: No such file' run missing.yaml
expect 1 'cannot read "": No such file' check ''
expect 1 'cannot read dir: Is a directory' check dir
expect 1 'the file is empty' check empty.yaml
expect 1 'latin.yaml:2:4: this byte is not UTF-8' check latin.yaml
expect 1 'larger than 4 MiB' check /dev/zero
expect 2 'run takes one FILE, or - for standard input, and `--` in front of a command' run good.yaml sleep 1
expect 2 'run takes one FILE' run -- sleep 1
expect 2 'a command is missing behind `--`' run good.yaml --
expect 1 'cannot run ./nothing: No such file' run good.yaml -- ./nothing --help
expect 1 'cannot run ./good.yaml: Permission denied' run good.yaml -- ./good.yaml
expect 3 'sh ended with status 3' run good.yaml -- sh -c 'exit 3'
expect 137 'was ended by signal 9 (Killed)' run good.yaml -- sh -c 'kill -9 $$'
expect 1 'app: no command: write `command: [./server]`' run app_only.yaml
expect 1 'is written there and behind `--`' run app.yaml -- true
expect 0 'true ended with status 0' run app.yaml
expect 1 'to have no access log, write { format: none }' check no_log.yaml
expect 0 'there is no program "./none-here" here that can be run' check no_app.yaml
expect 2 'check takes one FILE, or - for standard input' check
expect 2 'check takes one FILE' check good.yaml bad.yaml
expect 2 'unknown option --quick: known are --help, --' check --quick good.yaml
expect 2 'did you mean "--help"?' check --hlep good.yaml
expect 2 'did you mean "--version"?' --verison
expect 2 'did you mean "check"?' chekc good.yaml
expect 2 'a command is missing'
expect 0 'with its place, and warns' check --help
expect 0 'whoever can read DIR' help certs
expect 2 'unknown command "chek", did you mean "check"?' help chek
expect 0 '  connections: 10000                        # a whole number; downstream' defaults
expect 0 '    url: http://127.0.0.1:8080              # a URL; scheme, host and port' defaults
expect 0 '    # endpoints:                            # addresses, instead of url' defaults
expect 0 '    max_retries: 3' defaults
expect 2 'defaults takes nothing more' defaults here
"$outrider" defaults >all.yaml
expect 0 'all.yaml: valid' check all.yaml
expect 0 '| `max_retries` | a whole number | `3` |' defaults --markdown
expect 0 '"$schema":"https://json-schema.org/draft/2020-12/schema"' schema
expect 0 'complete -o filenames -F _outrider outrider' completion bash
expect 0 '#compdef outrider' completion zsh
expect 0 'complete -c outrider' completion fish
expect 2 'one of bash, zsh and fish' completion tcsh
expect 0 '{"file":"good.yaml","valid":true,"problems":[],"warnings":[]}' check --json good.yaml
expect 1 '{"file":"bad.yaml","line":1,"column":10,"message":"this version' check bad.yaml --json
expect 0 '{"version":"' version --json
expect 1 'cluster a: 127.0.0.1:1: connect_failure: cannot connect: Connection refused' check --probe good.yaml
expect 1 '"endpoint":"127.0.0.1:1","address":"127.0.0.1:1","problem":"connect_failure' check --probe --json good.yaml
{ cat good.yaml; echo 'trace: { to: "http://127.0.0.1:1/v1/traces" }'; } >traced.yaml
expect 1 'trace: 127.0.0.1:1: connect_failure: cannot connect: Connection refused' check --probe traced.yaml
expect 1 '{"kind":"endpoint","cluster":"a",' check --probe --json traced.yaml
expect 1 '{"kind":"collector","endpoint":"127.0.0.1:1","address":"127.0.0.1:1","problem":"connect_failure' check --probe --json traced.yaml
{ cat good.yaml; echo 'access_log: { to: "syslog:/etc/passwd" }'; } >no_socket.yaml
expect 1 'cannot write to syslog:/etc/passwd: is no socket' check no_socket.yaml
{ cat good.yaml; echo 'access_log: { to: "syslog:/nowhere/log" }'; } >no_syslog.yaml
expect 0 'warning: no_syslog.yaml:4:19: access_log: syslog:/nowhere/log: No such file' check no_syslog.yaml
{ cat good.yaml; echo 'log: { to: "syslog:/dev/log" }'; } >own_syslog.yaml
expect 1 'syslog is for the access log' check own_syslog.yaml
expect 0 '  --json                  as JSON' check --help
expect 2 '--json takes no value' check --json=1 good.yaml
expect 1 'cannot read --json: No such file' check -- --json
expect 1 '<stdin>: the file is empty' check -
expect 0 'route in.1                yes' explain GET http://a.test/x good.yaml
expect 0 '"taken":true' explain GET /x good.yaml --json
expect 1 'bad.yaml:1:10: this version' explain GET /x bad.yaml
expect 2 'is no header field' explain GET /x good.yaml -H nothing
expect 2 'no listener "out" of the file' explain GET /x good.yaml --listener out
expect 2 'explain takes METHOD, URL and FILE' explain GET /x
expect 2 'did you mean "status"?' tap 'statsu >= 500'
expect 2 'a breaker is told open, closed or auto' breaker 'cluster a' shut
expect 2 'the place comes first: outrider breaker "cluster a" open' breaker open 'cluster a'
printf 'one\ntwo\n' >token
expect 1 'token: holds several lines: a token is one word' status --token token
expect 1 'nothing: No such file' status --token nothing
expect 1 'cannot reach the admin side at 127.0.0.1:1' status --admin 127.0.0.1:1
expect 1 'is not an address' why x --admin nowhere
expect 2 '--admin takes a value: ADDRESS' drain --admin
expect 2 'a FILE is missing' simulate
expect 0 'upstream load' simulate good.yaml --for 2s --rate 50/s
expect 0 '"refusals":{"throttled":' simulate throttled.yaml --for 2s --json
expect 0 'throttled.yaml without throttle' simulate throttled.yaml --for 1s --without throttle
expect 0 ',{"seed":1,' simulate throttled.yaml --for 1s --without throttle --json
expect 1 'cannot write good.yaml/good.svg: Not a directory' simulate good.yaml --for 1s --svg good.yaml
expect 0 'nothing was asked for' simulate good.yaml --for 1s --rate 1/h
expect 0 ' -       -       -' simulate good.yaml --for 1s --rate 1/h
expect 0 'seed: 1                                     # a whole number; of chance' simulate --keys
expect 1 'bad.yaml:1:10: this version' simulate bad.yaml
expect 1 'cannot read missing.yaml: No such file' simulate good.yaml --scenario missing.yaml
expect 1 'scenario.yaml:1:40: "factor" has a meaning only with' simulate good.yaml --scenario scenario.yaml
expect 1 'late.yaml:1:34: this would begin when all is over, after 5s' simulate good.yaml --scenario late.yaml --for 5s
expect 0 'succeeded' simulate good.yaml --scenario late.yaml --for 6s
expect 1 'no.log: cannot read it: No such file' simulate good.yaml --log no.log
expect 1 'good.yaml:1: this is no JSON object' simulate good.yaml --log good.yaml
expect 0 'succeeded' simulate good.yaml --log recorded.log
expect 2 '--rate and --log exclude each other' simulate good.yaml --log recorded.log --rate 1/s
expect 2 '--rate' simulate good.yaml --rate 5
expect 2 'no `retry` stands in good.yaml' simulate good.yaml --without retry
expect 2 'no `throtle` stands in throttled.yaml, did you mean "throttle"?' simulate throttled.yaml --without throtle
expect 2 'no `retry` stands in throttled.yaml: known are throttle' simulate throttled.yaml --without retry
expect 2 '"5000000000/s" is too much: a rate is at most 4294967295' simulate good.yaml --rate 5000000000/s
expect 1 'a rate of at most 1000000/s can be simulated' simulate good.yaml --rate 1000001/s
expect 1 'elsewhere.yaml:1:12: good.yaml has no listener "inn", did you mean "in"?' simulate good.yaml --scenario elsewhere.yaml
expect 0 '1 requests came by listeners that carry none in good.yaml (out)' simulate good.yaml --log elsewhere.log
expect 0 'opaque.yaml: valid' check opaque.yaml
expect 1 'opaque.yaml: no listener carries requests, which alone are simulated' simulate opaque.yaml
expect 0 'a/1' simulate listed.yaml --for 1s
echo '[]' >list.yaml
expect 0 'has none' simulate listed.yaml --for 1s
expect 0 'no_endpoint' simulate listed.yaml --for 1s
rm list.yaml
expect 0 'what its file would list counts as one endpoint here' simulate listed.yaml --for 1s
expect 0 'only the last is known' simulate --help
expect 0 'outrider ' version
expect 0 'outrider ' --version
expect 2 'takes nothing more' version now
expect 0 'outrider check FILE' --help
expect 2 'certs takes a DIR' certs made
expect 1 'is neither a DNS name, an IP address nor a SPIFFE id' certs made ../out
expect 1 'cannot make the folder good.yaml' certs good.yaml localhost
expect 0 'made/localhost.crt' certs made localhost 127.0.0.1
[ "$(stat -c %a made/ca.key made/localhost.key | sort -u)" = 600 ] || { echo 'keys are not private'; status=1; }
said=$("$outrider" check - <good.yaml 2>&1) && [ "$said" = '<stdin>: valid' ] || { echo "check -: $said"; status=1; }
said=$(sed 's/no.crt/dir/' no_file.yaml | "$outrider" check - 2>&1) && status=1
case $said in '<stdin>:2:33: dir: is not a file'*) ;; *) echo "check - with a file: $said"; status=1 ;; esac
if [ "$(id -u)" != 0 ]; then
  chmod 000 latin.yaml
  expect 1 'cannot read latin.yaml: Permission denied' check latin.yaml
fi
"$outrider" completion bash >completion && bash -n completion || status=1
said=$(bash -c '. ./completion; COMP_WORDS=(outrider che); COMP_CWORD=1; _outrider; echo "${COMPREPLY[@]}"
  COMP_WORDS=(outrider check --j); COMP_CWORD=2; _outrider; echo "${COMPREPLY[@]}"')
[ "$said" = "check
--json" ] || { echo "completion: $said"; status=1; }
"$outrider" completion zsh >_outrider
"$outrider" completion fish >outrider.fish
if command -v fish >/dev/null; then
  said=$(fish -c 'source outrider.fish; complete -C "outrider che"; complete -C "outrider check --pr"
    complete -C "outrider completion z"; complete -C "outrider help upg"' | cut -f 1 | tr '\n' ' ')
  [ "$said" = 'check --probe zsh upgrade ' ] || { echo "completion of fish: $said"; status=1; }
fi
if command -v zsh >/dev/null && command -v python3 >/dev/null; then
  said=$(python3 "$here/zsh_completion.py" "$PWD" 'outrider chec' 'outrider check --pro' \
    'outrider completion zs' 'outrider help upg' | tr '\n' ';')
  [ "$said" = 'check;check --probe;completion zsh;help upgrade;' ] ||
    { echo "completion of zsh: $said"; status=1; }
fi
exit $status
