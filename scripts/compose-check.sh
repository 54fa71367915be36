#!/usr/bin/env bash
# Have docker's own compose read deploy/compose.yaml, as it would after `make env`. It needs no engine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/deploy"
cp .env.example pyproject.toml "$folder/"
cp -R deploy/. "$folder/deploy/"
rm -rf "$folder/deploy/secrets"
python3 "$folder/deploy/env.py" --domain sun.example.org >/dev/null
(cd "$folder" && docker compose --profile monitoring config --quiet)
echo "deploy-check: docker's compose reads the file without a word"
