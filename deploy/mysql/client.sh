# For backup.sh and restore.sh: who they are at the database, without a password on any command line.

fail() {
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    exit 1
}

# The first of these names under which the tool is installed: MySQL's own, or MariaDB's.
tool() {
    local name
    for name; do
        if command -v "$name" >/dev/null; then
            printf '%s' "$name"
            return
        fi
    done
    fail "none of these is installed: $*"
}

database=${MYSQL_DATABASE:-sunsweep}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

password=${MYSQL_PASSWORD:-}
if [ -n "${MYSQL_PASSWORD_FILE:-}" ]; then
    [ -r "$MYSQL_PASSWORD_FILE" ] || fail "MYSQL_PASSWORD_FILE: $MYSQL_PASSWORD_FILE cannot be read"
    password=$(cat "$MYSQL_PASSWORD_FILE")
fi
[ -n "$password" ] || fail "MYSQL_PASSWORD is missing; set it, or name a file that holds it in MYSQL_PASSWORD_FILE"
password=${password//\\/\\\\}

(
    umask 077
    cat >"$work/client.cnf" <<END
[client]
host=${MYSQL_HOST:-127.0.0.1}
port=${MYSQL_PORT:-3306}
protocol=tcp
user=${MYSQL_USER:-sunsweep}
password="${password//\"/\\\"}"
default-character-set=utf8mb4
END
)
unset password
