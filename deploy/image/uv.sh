#!/usr/bin/env bash
# uv alone, in a folder of its own, checked by the lock's hash: uv.sh FOLDER
set -euo pipefail
readonly FOLDER=$1
readonly LOCK=${BASH_SOURCE[0]%/*}/../../requirements.lock

"${PYTHON:-python3}" -m venv "$FOLDER"
awk '/^[a-z]/ { keep = /^uv==/ } keep' "$LOCK" >"$FOLDER/uv.txt"
"$FOLDER/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$FOLDER/uv.txt"
