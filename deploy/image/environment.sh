#!/usr/bin/env bash
# A virtual environment with what a lock names, checked by its hashes, and nothing else: environment.sh UV FOLDER LOCK
# From wheels alone: an image needs no compiler, on whatever processor it is built for.
set -euo pipefail
readonly UV=$1/bin/uv FOLDER=$2 LOCK=$3

"$UV" venv --quiet --python "${PYTHON:-python3}" "$FOLDER"
"$UV" pip install --quiet --python "$FOLDER" --link-mode copy --only-binary :all: --require-hashes -r "$LOCK"
