#!/usr/bin/env bash
# Make .venv from requirements.lock, install the services named, and build the app for the browser:
# setup.sh [mosquitto] [mariadb] [chromium] [caddy] [prometheus] [app]
# Each part does nothing, quickly, where it stands already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly VENV=.venv
readonly STAMP=$VENV/.sunsweep-stamp

say() { printf '%s\n' "$*" >&2; }

find_python() {
    local candidate
    for candidate in "${PYTHON:-python3.11}" python3.11 python3; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    say "setup: Python 3.11 or newer was not found; install it, or name it: PYTHON=/path/to/python make setup"
    return 1
}

# Debian splits venv off its Python.
ensure_venv_module() {
    local python=$1
    "$python" -c 'import ensurepip, venv' 2>/dev/null && return
    local version
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    scripts/apt-install.sh "python$version-venv"
}

create_venv() {
    local python
    python=$(find_python)
    ensure_venv_module "$python"
    say "setup: creating $VENV with $("$python" --version)"
    "$python" -m venv --clear "$VENV"
}

# The lock's own entry of uv, so that its hash is checked too.
install_uv() {
    local entry=$VENV/uv.txt
    awk '/^[a-z]/ { keep = /^uv==/ } keep' requirements.lock >"$entry" &&
        "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$entry"
}

# Chained by &&: `set -e` does not hold inside a condition.
install_with_uv() {
    local uv=("$VENV/bin/uv" pip)
    install_uv &&
        "${uv[@]}" sync --quiet --python "$VENV" --require-hashes requirements.lock &&
        "${uv[@]}" install --quiet --python "$VENV" --no-deps --no-build-isolation --editable .
}

install_with_pip() {
    local pip=("$VENV/bin/python" -m pip install --quiet --disable-pip-version-check)
    "${pip[@]}" --require-hashes -r requirements.lock
    "${pip[@]}" --no-deps --no-build-isolation --editable .
}

# One import of each program, so that no start has to compile what it imports; uv leaves that open. Pytest compiles its
# plugins, Hypothesis among them, in a way of its own: that alone took each of its processes three seconds.
compile_imports() {
    local -x PYTHONDONTWRITEBYTECODE=
    "$VENV/bin/python" -c 'import sunsweep.cli.verbs' &&
        "$VENV/bin/python" -c 'import sunsweep.sim.clear_sky' &&
        "$VENV/bin/pytest" -n 0 -p no:cacheprovider --collect-only -qq tests/test_support.py >/dev/null
}

# What .venv was made of; it also names the folder, because a virtual environment cannot be moved.
fingerprint() {
    { pwd && cat pyproject.toml requirements.lock scripts/setup.sh; } | sha256sum
}

setup_venv() {
    local wanted
    wanted=$(fingerprint)
    [[ -x $VENV/bin/python && -f $STAMP && $(<"$STAMP") == "$wanted" ]] && return
    "$VENV/bin/python" -m pip --version >/dev/null 2>&1 || create_venv
    say "setup: installing requirements.lock"
    if ! install_with_uv; then
        say "setup: uv did not manage, taking pip"
        install_with_pip
    fi
    compile_imports
    printf '%s\n' "$wanted" >"$STAMP"
}

build_app() { "$VENV/bin/python" -m sunsweep.app.words compile && "$VENV/bin/python" -m sunsweep.app.bundle; }

setup_services() {
    local service packages=() wants_app=false
    for service in "$@"; do
        case $service in
            mosquitto)
                command -v mosquitto >/dev/null && command -v mosquitto_pub >/dev/null && continue
                packages+=(mosquitto mosquitto-clients)
                ;;
            mariadb)
                command -v mariadbd >/dev/null && command -v mariadb-install-db >/dev/null && continue
                packages+=(mariadb-server)
                ;;
            chromium)
                command -v chromium >/dev/null && continue
                packages+=(chromium)
                ;;
            caddy)
                command -v caddy >/dev/null && continue
                packages+=(caddy)
                ;;
            prometheus)
                command -v promtool >/dev/null && continue
                packages+=(prometheus)
                ;;
            app) wants_app=true ;;
            *)
                say "setup: unknown service $service"
                return 2
                ;;
        esac
    done
    [[ ${#packages[@]} -eq 0 ]] || scripts/apt-install.sh "${packages[@]}"
    if $wants_app; then build_app; fi
}

export PATH=$PATH:/usr/sbin:/sbin
setup_venv
setup_services "$@"
