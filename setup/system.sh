#!/usr/bin/env bash
# System packages that building and running need. Installs what is missing by apt when it may; otherwise
# prints the one line to run and stops. With "--tests" also what only the tests need.
set -euo pipefail

build=(pkg-config libssl-dev libpcsclite-dev libclang-dev gcc libc6-dev python3-venv)
tests=(pcscd vsmartcard-vpcd chromium chromium-driver fonts-noto-core strace jq iproute2 postgresql)

wanted=("${build[@]}")
[ "${1:-}" = "--tests" ] && wanted+=("${tests[@]}")

if ! command -v dpkg-query >/dev/null; then
    # Not Debian or Ubuntu: nothing is installed, what is needed is said where it is missing.
    if ! pkg-config --exists openssl libpcsclite 2>/dev/null; then
        echo "egate needs, from this system's own packages: a C compiler, pkg-config, the development" >&2
        echo "files of OpenSSL 3, of pcsc-lite and libclang${1:+, and for the tests pcscd, vsmartcard-vpcd, chromium with its driver}." >&2
        exit 1
    fi
    exit 0
fi

missing=()
for package in "${wanted[@]}"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

line="apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
if [ "$(id -u)" -eq 0 ]; then
    run=(bash -c "$line")
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    run=(sudo -n bash -c "$line")
else
    echo "These system packages are missing. Run this line, then the same command again:" >&2
    echo "    sudo sh -c '$line'" >&2
    exit 1
fi
echo "installing system packages: ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
if ! "${run[@]}" >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "The packages could not be installed (whole log: $log)." >&2
    exit 1
fi
rm -f "$log"
