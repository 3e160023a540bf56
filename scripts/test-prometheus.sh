#!/usr/bin/env bash
# Unpacks Debian's Prometheus and promtool for the tests and prints the folder of the programs, to be put on the path. The package is not
# installed: installing it would start a service. Needs Debian or Ubuntu.
#
#   PATH="$PATH:$(scripts/test-prometheus.sh)" make test-monitoring
#
# ETFCAST_TEST_PROMETHEUS  folder for the programs (default /var/tmp/etfcast-test-prometheus, about 200 MB)
set -euo pipefail

home=${ETFCAST_TEST_PROMETHEUS:-/var/tmp/etfcast-test-prometheus}
if ! "$home/usr/bin/promtool" --version >/dev/null 2>&1; then
  command -v apt-get >/dev/null || { echo "test-prometheus: needs apt-get (Debian or Ubuntu)" >&2; exit 1; }
  mkdir -p "$home"
  # As root, apt would hand the download to a user who may not write here.
  (cd "$home" && { apt-get download -qq prometheus || { apt-get update -qq && apt-get download -qq prometheus; }; } &&
    dpkg-deb -x prometheus_*.deb . && rm prometheus_*.deb) >"$home/install.log" 2>&1 ||
    { echo "test-prometheus: $(tail -3 "$home/install.log")" >&2; exit 1; }
fi
echo "$home/usr/bin"
