#!/bin/sh
# Install the Debian packages that the tests use where they are missing and we may;
# where we may not, name them: the tests that need them are then left out, and say so.
missing=
for package in "$@"; do
    command -v "$package" >/dev/null 2>&1 || PATH="$PATH:/usr/sbin:/sbin" command -v "$package" >/dev/null 2>&1 || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    # The packages would start their servers at once; a policy that forbids it is how Debian says no.
    policy=/usr/sbin/policy-rc.d
    [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && made=1; }
    echo "installing$missing"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
    status=$?
    [ -z "${made:-}" ] || rm -f "$policy"
    [ "$status" = 0 ] && exit 0
fi
echo "NOT INSTALLED:$missing - the tests marked needs_debian that use them are left out (install them as root: apt-get install$missing)"
exit 0
