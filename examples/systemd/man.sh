#!/bin/sh
# man.sh OUTRIDER DIR: writes outrider.1 and outrider.yaml.5 to DIR, from what OUTRIDER says of itself.
set -eu
outrider=$1 dir=$2
version=$("$outrider" version | sed 's/^outrider //')
date=$(date -u -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}" +%Y-%m-%d)

# Text as roff shows it: nothing in it is a command.
plain() { sed -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/'/\\\\(aq/g" -e 's/^\./\\\&./'; }

{
  echo ".TH OUTRIDER 1 $date \"outrider $version\" \"User Commands\""
  echo ".SH NAME"
  echo "outrider \\- a Layer\\-7 sidecar proxy"
  echo ".SH SYNOPSIS"
  "$outrider" --help | sed -n 's/^  outrider \(.*[^ ]\)   *[^ ].*/\1/p' | plain |
    while IFS= read -r words; do printf '.B outrider\n%s\n.br\n' "$words"; done
  cat <<'ROFF'
.SH DESCRIPTION
An application talks plain HTTP/1.1 to Outrider beside it. Outrider does the rest: HTTP/2 multiplexing,
connection pools, TLS, timeouts, retries, circuit breaking, through a chain of filters that
.BR outrider.yaml (5)
describes.
.SH COMMANDS
ROFF
  for command in $("$outrider" --help | sed -n 's/^  outrider \([a-z]*\).*/\1/p'); do
    echo ".SS $command"
    "$outrider" "$command" --help | sed 1,2d | plain
  done
  cat <<'ROFF'
.SH SIGNALS
.TP
.B SIGTERM
drains and ends; a second one ends at once.
.TP
.B SIGHUP
reads the configuration again; a file with a mistake changes nothing. Opens the logs again.
.TP
.B SIGUSR1
opens the logs again.
.TP
.B SIGUSR2
starts the binary on disk, hands it the listening sockets, and ends once its own exchanges have.
.SH FILES
.TP
.I /etc/outrider/outrider.yaml
what the service runs with.
.SH SEE ALSO
.BR outrider.yaml (5),
.BR systemctl (1)
ROFF
} >"$dir/outrider.1"

{
  echo ".TH OUTRIDER.YAML 5 $date \"outrider $version\" \"File Formats\""
  cat <<'ROFF'
.SH NAME
outrider.yaml \- the configuration of outrider
.SH DESCRIPTION
One YAML file describes one sidecar. An unknown key, a reference to nothing or a value out of range is an
error, which
.B outrider check
reports with its line, its column and what was expected. Values may hold ${VAR}, ${VAR:\-default} and
${file:PATH}.
.SH KEYS AND DEFAULTS
.nf
ROFF
  "$outrider" defaults | plain
  cat <<'ROFF'
.fi
.SH SEE ALSO
.BR outrider (1)
ROFF
} >"$dir/outrider.yaml.5"
