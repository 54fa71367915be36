#!/usr/bin/env bash
# Package the app for a phone or a desk: package-app.sh TARGET, one of apk aab ipa macos windows linux.
# `package-app.sh --only-lay-out FOLDER` puts together what is packaged, and stops there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly PYTHON=.venv/bin/python
readonly FLET_CLI="flet-cli>=1.0.5,<1.1"

lay_out() {
    local folder=$1
    rm -rf "$folder/src"
    mkdir -p "$folder/src/assets" "$folder/src/sunsweep"
    "$PYTHON" -m sunsweep.app.words compile
    cp deploy/app/pyproject.toml "$folder/"
    cp deploy/app/main.py "$folder/src/"
    cp deploy/app/assets/icon.png "$folder/src/assets/"
    cp src/sunsweep/__init__.py "$folder/src/sunsweep/"
    # The browser's bundle and its builder stay here; fonts that the system has too, with them.
    tar -C src/sunsweep --exclude=__pycache__ --exclude=app/bundle --exclude=app/fonts --exclude='*.po' -cf - app contract |
        tar -C "$folder/src/sunsweep" -xf -
}

case ${1:-} in
    --only-lay-out)
        lay_out "${2:?a folder}"
        ;;
    apk | aab | ipa | macos | windows | linux)
        lay_out build/app
        .venv/bin/uv tool run --with "$FLET_CLI" flet build "$1" build/app
        ;;
    *)
        sed -n '2,3s/^# //p' "${BASH_SOURCE[0]}" >&2
        exit 2
        ;;
esac
