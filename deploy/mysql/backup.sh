#!/usr/bin/env bash
# A dump of Sunsweep's database on MySQL or MariaDB, of one moment, while everything goes on: backup.sh FOLDER
#
#   MYSQL_HOST, MYSQL_PORT, MYSQL_USER, MYSQL_PASSWORD or MYSQL_PASSWORD_FILE, MYSQL_DATABASE   where, and as whom
#   KEEP                                                                      so many dumps stay, the newest (default 14)
#
# The account needs SELECT, SHOW VIEW and TRIGGER on the database. The file is its owner's alone, and whole or not there.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/client.sh"

folder=${1:-}
[ -d "$folder" ] || fail "usage: backup.sh FOLDER, a folder that exists"
keep=${KEEP:-14}
[[ $keep =~ ^[1-9][0-9]*$ ]] || fail "KEEP: $keep is no number of dumps"
dump=$(tool mysqldump mariadb-dump)
umask 077

# What a kill has left. Another dump that is under way is younger.
touch -d '1 day ago' "$work/yesterday"
for left in "$folder"/.sunsweep-*.unfinished; do
    if [ "$left" -ot "$work/yesterday" ]; then rm -f "$left"; fi
done

taken=$(date -u +%s)
name=sunsweep-$(date -u -d "@$taken" +%Y%m%dT%H%M%SZ).sql.gz
[ ! -e "$folder/$name" ] || fail "$folder/$name is there already"
fresh="$folder/.$name.$$.unfinished"
trap 'rm -rf "$work" "$fresh"' EXIT

# MySQL's own tool only: positions of replication are another server's, and MariaDB has no such statistics.
more=()
if "$dump" --help 2>/dev/null | grep -q -- --set-gtid-purged; then more+=(--set-gtid-purged=OFF --column-statistics=0); fi

{
    printf -- '-- sunsweep taken at %s\n' "$taken"
    "$dump" --defaults-extra-file="$work/client.cnf" --single-transaction --quick --routines --triggers --hex-blob \
        --no-tablespaces "${more[@]}" "$database"
} | gzip -1 >"$fresh"

# Reading it back proves the disk, its last line the dump.
gzip -dc "$fresh" | tail -n 1 | grep -q '^-- Dump completed' || fail "the dump is not complete"
sync "$fresh"
mv -n "$fresh" "$folder/$name"
[ ! -e "$fresh" ] || fail "$folder/$name is there already"
sync "$folder"

# Those of a time before: an operator's own names stay, and so does what a clock that was wrong has named.
older=()
for dump in "$folder"/sunsweep-*.sql.gz; do
    if [[ ${dump##*/} =~ ^sunsweep-[0-9]{8}T[0-9]{6}Z\.sql\.gz$ && ${dump##*/} < $name ]]; then older+=("$dump"); fi
done
for ((number = 0; number <= ${#older[@]} - keep; number++)); do
    rm -f "${older[number]}"
done
printf '%s\n' "$folder/$name"
