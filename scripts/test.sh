#!/usr/bin/env bash
# The tests, in two runs: test.sh [pytest's arguments]
# What drives the browser goes first and alone, for it loses clicks where others take its time; then all others, on three
# workers, as much of their time is waiting. The second run takes place whatever the first has found.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly NONE_ASKED_FOR=5
outcome=$NONE_ASKED_FOR

run() {
    local code=0
    .venv/bin/pytest --dist loadgroup --no-loadscope-reorder "$@" || code=$?
    if ((code != NONE_ASKED_FOR && (code > 0 || outcome == NONE_ASKED_FOR))); then outcome=$code; fi
}

# All of these are under tests/app; the collection of the rest would take as long as three of them.
run -n 1 -m "browser and not prove" "${@:-tests/app}"
run -n 3 -m "not browser and not prove" "$@"
exit "$outcome"
