#!/usr/bin/env bash
# Pin the dependencies of each role, with hashes and without download addresses.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${1:-uv}
pin() {
  "$uv" pip compile pyproject.toml --generate-hashes --universal --python-version 3.11 \
    --no-header --no-emit-index-url --quiet "$@"
}
pin --extra api --extra servers --output-file requirements/run.txt
pin --extra api --extra servers --extra ontology --group dev --constraints requirements/run.txt --output-file requirements/dev.txt
