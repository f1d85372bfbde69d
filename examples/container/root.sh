#!/bin/sh
# root.sh OUTRIDER DIR: lays out in DIR what an image of OUTRIDER holds: the binary, the libraries it
# is linked with, the system's CA certificates, a user, and a configuration.
set -eu
here=$(dirname "$0") outrider=$1 root=$2
mkdir -p "$root/usr/bin" "$root/etc/outrider" "$root/etc/ssl/certs" "$root/tmp"
chmod 1777 "$root/tmp"

install -m 755 -s "$outrider" "$root/usr/bin/outrider"
ldd "$outrider" | sed -n 's/.* => \(\/[^ ]*\).*/\1/p; s/^[[:space:]]*\(\/[^ ]*ld-linux[^ ]*\).*/\1/p' |
  while IFS= read -r library; do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
  done
mkdir -p "$root/usr/lib/ssl"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
ln -sf /etc/ssl/certs "$root/usr/lib/ssl/certs"
ln -sf /etc/ssl/certs/ca-certificates.crt "$root/usr/lib/ssl/cert.pem"

echo 'outrider:x:65532:65532::/:/usr/bin/outrider' >"$root/etc/passwd"
echo 'outrider:x:65532:' >"$root/etc/group"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
cp "$here/outrider.yaml" "$root/etc/outrider/outrider.yaml"
