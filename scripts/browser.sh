#!/usr/bin/env bash
# Find a Chromium for the page's tests, or get one where the system's packages can be installed.
set -euo pipefail
for name in chromium chromium-browser google-chrome; do
  command -v "$name" >/dev/null && exit 0
done
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  echo "== installing chromium (the page is tested in a real browser)"
  apt-get update -qq >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null && exit 0
fi
if [ "${CI:-}" = true ]; then
  echo "No Chromium was found, and CI requires one: install the package 'chromium'." >&2
  exit 1
fi
echo "No Chromium was found: the page's tests will be skipped. Install the package 'chromium' to run them."
