#!/usr/bin/env bash
# Put our wheels into an environment, take out what no running program needs, and compile the rest:
# program.sh UV ENVIRONMENT WHEEL...
set -euo pipefail
readonly UV=$1/bin/uv ENVIRONMENT=$2
shift 2

# Sources of what is compiled, and tests.
remove_sources() {
    find "$1" -type d -name tests -prune -exec rm -r {} +
    find "$1" -type f \( -name '*.c' -o -name '*.cpp' -o -name '*.h' -o -name '*.p[xy][xdi]' \) -delete
}

# Fifty of pyarrow's 165 MB speak to cloud stores and to databases; it does without where they are missing, and we write
# files.
remove_unused_arrow() {
    local arrow=$1/pyarrow
    [[ -d $arrow ]] || return 0
    rm -rf "$arrow"/{include,src}
    rm -f "$arrow"/libarrow{,_python}_{flight,s3}.so* "$arrow"/_{flight,s3fs}.*.so
}

"$UV" pip install --quiet --python "$ENVIRONMENT" --link-mode copy --no-deps --no-index "$@"
site=$("$ENVIRONMENT/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
remove_sources "$site"
remove_unused_arrow "$site"
# By hash and unchecked: the dates of files mean nothing in an image.
"$ENVIRONMENT/bin/python" -m compileall -q -j 0 --invalidation-mode unchecked-hash "$site"
