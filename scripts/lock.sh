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
# torch comes with the CUDA libraries; requirements/without-gpu.txt leaves out those that a CPU does without.
pin --extra api --extra servers --extra simulator --constraints requirements/run.txt \
  --override requirements/without-gpu.txt --output-file requirements/simulator.txt
pin --extra api --extra servers --extra simulator --constraints requirements/run.txt \
  --output-file requirements/simulator-gpu.txt
all=(--extra api --extra servers --extra simulator --extra surrogate --extra serve)
pin "${all[@]}" --constraints requirements/simulator.txt \
  --override requirements/without-gpu.txt --output-file requirements/surrogate.txt
pin "${all[@]}" --constraints requirements/simulator-gpu.txt --output-file requirements/surrogate-gpu.txt
pin "${all[@]}" --extra ontology --group dev \
  --constraints requirements/surrogate.txt --override requirements/without-gpu.txt --output-file requirements/dev.txt
