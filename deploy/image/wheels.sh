#!/usr/bin/env bash
# What a release is, from this tree: the program, and the app for servers: wheels.sh ENVIRONMENT OUT
# The environment is that of wheels.lock, or a developer's. QUICK=1: the app is a tenth larger, and built a minute sooner.
set -euo pipefail
python=$(realpath --no-symlinks "$1/bin/python")
out=$(realpath "$2")
readonly python out
cd "${BASH_SOURCE[0]%/*}/../.."
export PYTHONPATH=$PWD/src

best=(--best)
if [[ -n ${QUICK:-} ]]; then best=(); fi
"$python" -m sunsweep.app.words compile
"$python" -m sunsweep.app.bundle "${best[@]}"
"$python" -m hatchling build -t wheel -d "$out"
cd deploy/site
"$python" -m hatchling build -t wheel -d "$out"
