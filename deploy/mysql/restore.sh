#!/usr/bin/env bash
# Loads a dump of backup.sh into an EMPTY database on MySQL or MariaDB: restore.sh FILE
#
# Variables as for backup.sh; the account needs all rights on the database. Afterwards, before anything is started:
# `sunsweep settle`. Until then no program of Sunsweep works on the database.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/client.sh"

file=${1:-}
[ -r "$file" ] || fail "usage: restore.sh FILE, a dump that can be read"
client=$(tool mysql mariadb)
sql() { "$client" --defaults-extra-file="$work/client.cnf" --batch --skip-column-names "$database" "$@"; }

gzip -t "$file" 2>/dev/null || fail "$file is damaged"
# `head` ends before `gzip` does.
first=$(set +o pipefail && gzip -dc "$file" 2>/dev/null | head -n 1)
[[ $first =~ ^--\ sunsweep\ taken\ at\ ([0-9]+)$ ]] || fail "$file is no dump of backup.sh"
taken=${BASH_REMATCH[1]}
gzip -dc "$file" | tail -n 1 | grep -q '^-- Dump completed' || fail "$file is not complete"

tables=$(sql -e 'SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()')
[ "$tables" = 0 ] || fail "$database holds $tables tables; restore into an empty database, and let the old one be"

# Views lose the account that made them, which this server may not have: they become the loading account's. A line that
# MariaDB's dumps begin with is nothing that MySQL's client knows. And the database says of itself, from its first rows
# on, that it is being loaded, and at the end, of when it is: so no program begins on it before `sunsweep settle`, nor does
# that before the end.
gzip -dc "$file" | sed \
    -e '1,5{/enable the sandbox mode/d}' \
    -e 's/^\(\/\*![0-9]* \)DEFINER=`[^`]*`@`[^`]*` \(SQL SECURITY DEFINER\)/\1\2/' \
    -e '/^LOCK TABLES `platform_state` WRITE;$/,/^UNLOCK TABLES;$/s/^UNLOCK TABLES;$/REPLACE INTO `platform_state` VALUES ('"'unsettled', 0"');\n&/' |
    sql

sql -e "UPDATE platform_state SET value = ${taken}000 WHERE name = 'unsettled'"
marked=$(sql -e "SELECT COUNT(*) FROM platform_state WHERE name = 'unsettled'")
[ "$marked" = 1 ] || fail "the database could not be marked; run \`sunsweep settle --taken-at\` before anything else"
printf 'loaded into %s; now run `sunsweep settle`\n' "$database"
