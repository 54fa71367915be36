#!/bin/sh
# Starts EMQX with Sunsweep's emqx.conf: start.sh COMMAND…, in the container
#   start.sh /usr/bin/docker-entrypoint.sh /opt/emqx/bin/emqx foreground
# EMQX falls back to public defaults where it is told no secret; this refuses. Each NAME may be given as a file, NAME_FILE.
set -eu

fail() {
    printf 'start.sh: %s\n' "$1" >&2
    exit 1
}

# The variable named, or what the file named by NAME_FILE holds. No quotes or blanks: EMQX reads its variables as HOCON.
secret() {
    eval "value=\${$1:-} file=\${$1_FILE:-}"
    if [ -n "$file" ]; then
        [ -r "$file" ] || fail "$1_FILE: $file cannot be read"
        value=$(cat "$file")
    fi
    [ -n "$value" ] || fail "$1 is missing; set it, or name a file that holds it in $1_FILE"
    [ "${#value}" -ge 12 ] || fail "$1 is too short: at least 12 characters"
    case $value in
    *[!A-Za-z0-9_.~-]*) fail "$1 may have letters, digits and _ . ~ - only" ;;
    esac
}

secret MQTT_COOKIE
case $value in
[A-Za-z]*) ;;
*) fail "MQTT_COOKIE begins with a letter" ;;
esac
export EMQX_NODE__COOKIE="$value"
export EMQX_NODE__NAME="${EMQX_NODE__NAME:-emqx@127.0.0.1}"

# Of the dashboard's user `admin`; it counts at the first start on an empty data directory.
secret MQTT_PASSWORD
export EMQX_DASHBOARD__DEFAULT_PASSWORD="\"$value\""

secret MQTT_DATABASE_PASSWORD
for place in EMQX_AUTHENTICATION__1__ EMQX_AUTHORIZATION__SOURCES__1__; do
    export "${place}PASSWORD=\"$value\""
    [ -z "${MQTT_DATABASE_SERVER:-}" ] || export "${place}SERVER=\"$MQTT_DATABASE_SERVER\""
    [ -z "${MQTT_DATABASE_NAME:-}" ] || export "${place}DATABASE=\"$MQTT_DATABASE_NAME\""
    [ -z "${MQTT_DATABASE_USER:-}" ] || export "${place}USERNAME=\"$MQTT_DATABASE_USER\""
done

# What the backend ends sessions with (SUNSWEEP_EMQX_KEY, SUNSWEEP_EMQX_SECRET).
secret SUNSWEEP_EMQX_KEY
key=$value
secret SUNSWEEP_EMQX_SECRET
keys=${MQTT_API_KEYS_FILE:-/opt/emqx/data/sunsweep-api-keys}
umask 077
printf '%s:%s\n' "$key" "$value" >"$keys"
export EMQX_API_KEY__BOOTSTRAP_FILE="\"$keys\""

# Without TLS on this computer alone, or on the private network that is named: never on all addresses by oversight.
if [ -n "${MQTT_PRIVATE_ADDRESS:-}" ]; then
    export EMQX_LISTENERS__TCP__DEFAULT__BIND="\"$MQTT_PRIVATE_ADDRESS:1883\""
    export EMQX_LISTENERS__WS__DEFAULT__BIND="\"$MQTT_PRIVATE_ADDRESS:8083\""
    export EMQX_DASHBOARD__LISTENERS__HTTP__BIND="\"$MQTT_PRIVATE_ADDRESS:18083\""
fi

unset MQTT_COOKIE MQTT_PASSWORD MQTT_DATABASE_PASSWORD SUNSWEEP_EMQX_KEY SUNSWEEP_EMQX_SECRET value key
exec "$@"
