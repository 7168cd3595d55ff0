#!/usr/bin/env bash
# check_packages.sh DIR: what an integrator does with the packages of DIR, unpacked into a folder: find_package(payoutd),
# a plugin from the template, its tests and the conformance kit. And what people see: completion, manual.
set -euo pipefail
packages=$(readlink -f "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for deb in "$packages"/*.deb; do dpkg-deb -x "$deb" "$work/root"; done
bin=$work/root/usr/bin
export PATH=$bin:$PATH

step() {  # NAME command…: quiet unless it fails
  local name=$1; shift
  "$@" > "$work/log" 2>&1 || { cat "$work/log" >&2; echo "check_packages: $name failed" >&2; exit 1; }
  echo "  ok  $name"
}

step "payoutctl plugin new" payoutctl plugin new acme --into "$work/acme"
step "find_package(payoutd)" cmake -S "$work/acme" -B "$work/acme/build" -G Ninja -DCMAKE_CXX_COMPILER=clang++-19 \
  -DCMAKE_PREFIX_PATH="$work/root/usr"
step "the plugin builds" cmake --build "$work/acme/build"
step "its tests pass" ctest --test-dir "$work/acme/build" --output-on-failure --no-tests=error
step "payoutctl plugin verify" payoutctl plugin verify "$work/acme/build/plugins/libacme.so" \
  --transcripts "$work/acme/transcripts"
step "the shipped plugins are found" payoutctl plugin inspect "$work/root/usr/lib/payoutd/plugins/libmomo.so"
for page in "$work"/root/usr/share/man/man?/*.gz; do
  step "manual: $(basename "$page" .gz)" bash -c 'set -o pipefail
    warnings=$(LC_ALL=C.UTF-8 MANROFFSEQ= MANWIDTH=100 man --warnings -E UTF-8 -l -Z "$1" 2>&1 > /dev/null)
    [ -z "$warnings" ] || { echo "$warnings"; exit 1; }' _ "$page"
done
for program in payoutctl payoutd; do
  step "completion: $program" bash -n "$work/root/usr/share/bash-completion/completions/$program"
done
