#!/bin/sh
# pages.sh OUTRIDER DIR: writes what the package has beside the binary to DIR: the manual pages, the
# changelog and the copyright.
set -eu
here=$(dirname "$0") outrider=$1 dir=$2
version=$("$outrider" version | sed 's/^outrider //')
now=${SOURCE_DATE_EPOCH:-$(date +%s)}

sh "$here/man.sh" "$outrider" "$dir"
cat >"$dir/changelog" <<TEXT
outrider ($version) stable; urgency=medium

  * See README.md.

 -- Outrider maintainers <maintainers@outrider.invalid>  $(LC_ALL=C date -u -R -d "@$now")
TEXT
gzip -9nf "$dir/outrider.1" "$dir/outrider.yaml.5" "$dir/changelog"
cat >"$dir/copyright" <<TEXT
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: outrider

Files: *
Copyright: 2026 the Outrider maintainers
License: Apache-2.0
 On Debian systems the full text of the Apache License 2.0 is in
 /usr/share/common-licenses/Apache-2.0.
TEXT
