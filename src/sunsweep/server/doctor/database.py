"""The database: whether it answers, and whether what it has confirmed outlives a power cut."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.db.engine import DATABASE_AWAY
from sunsweep.server.db.migrate import standing
from sunsweep.server.doctor import repository
from sunsweep.server.doctor.check import Check
from sunsweep.server.doctor.findings import Finding, fails, ok, unknown, warning
from sunsweep.server.doctor.surroundings import Surroundings
from sunsweep.server.doctor.words import reason, size

_ANSWER_S: Final = 8.0
_OLDEST: Final = {"MySQL": (8, 0), "MariaDB": (10, 6)}
_PACKET: Final = 16 * 2**20
"""The ingest's statements have up to 8 MiB, and one row may be longer."""
_CONNECTIONS: Final = 100
"""A process may hold 32."""
_NAMES: Final = (
    "innodb_flush_log_at_trx_commit",
    "innodb_flush_method",
    "innodb_doublewrite",
    "debug_no_sync",
    "log_bin",
    "sync_binlog",
    "read_only",
    "super_read_only",
    "max_allowed_packet",
    "max_connections",
)


async def _look_at_database(around: Surroundings) -> list[Finding]:
    try:
        async with around.database.read(within_s=_ANSWER_S) as session:
            return await (_sqlite(session) if around.database.is_sqlite else _mysql(session))
    except DATABASE_AWAY as error:
        words = f"it does not answer: {reason(error)}"
        return [fails(words, "see whether it runs, and what SUNSWEEP_DATABASE_URL says")]


async def _sqlite(session: AsyncSession) -> list[Finding]:
    version, journal = await repository.sqlite(session)
    findings = [ok(f"SQLite {version} answers")]
    if journal != "wal":
        words = f"it writes in the journal mode {journal}: whoever reads stops whoever writes"
        findings.append(fails(words, "move the file to a local disk; SQLite keeps its log on none of the network"))
    return findings


async def _mysql(session: AsyncSession) -> list[Finding]:
    version, modes = await repository.mysql(session)
    known = await repository.variables(session, _NAMES)
    findings = [_of_version(version)]
    if not re.search(r"STRICT_(ALL|TRANS)_TABLES", modes):
        words = "it is not strict: values that do not fit are cut without a word"
        findings.append(fails(words, "no proxy between may change the session's sql_mode"))
    if "tidb" in version.lower():
        return [*findings, unknown("how a TiDB cluster keeps what it has confirmed is not asked here")]
    lasting = list(_lasting(known))
    return [*findings, *(lasting or [ok("what it has confirmed is on its disk")]), *_room(known)]


def _of_version(version: str) -> Finding:
    kind = "MariaDB" if "mariadb" in version.lower() else "TiDB" if "tidb" in version.lower() else "MySQL"
    found = re.search(r"(\d+)\.(\d+)", version)
    number = (int(found[1]), int(found[2])) if found else (0, 0)
    oldest = _OLDEST.get(kind)
    if oldest is not None and number < oldest:
        words = f"{kind} {version} answers; it is older than {oldest[0]}.{oldest[1]}, with which nobody tried Sunsweep"
        return warning(words, "bring it up to date")
    return ok(f"{kind} {version} answers")


def _lasting(known: Mapping[str, str]) -> Iterator[Finding]:
    """What loses rows in a power cut that a machine has been told are stored."""
    if (flush := known.get("innodb_flush_log_at_trx_commit", "1")) != "1":
        words = f"innodb_flush_log_at_trx_commit is {flush}: a power cut loses up to a second of what was confirmed"
        yield fails(words, "set it to 1")
    if known.get("innodb_flush_method", "").lower() in {"nosync", "littlesync"} or _on(known, "debug_no_sync"):
        words = "it never waits for its disk: a power cut loses what was confirmed"
        yield fails(words, "take innodb_flush_method and debug_no_sync out of its settings")
    if known.get("innodb_doublewrite", "ON").upper() in {"OFF", "0"}:
        words = "innodb_doublewrite is off: a power cut may leave half a page"
        yield warning(words, "set it to ON, unless the file system writes pages whole")
    if _on(known, "log_bin") and known.get("sync_binlog", "1") != "1":
        words = f"sync_binlog is {known['sync_binlog']}: after a power cut replicas and backups may miss rows"
        yield warning(words, "set it to 1")


def _room(known: Mapping[str, str]) -> Iterator[Finding]:
    if _on(known, "read_only") or _on(known, "super_read_only"):
        yield fails("it takes no writes: read_only", "is this the replica? SUNSWEEP_DATABASE_URL names the primary")
    if (packet := int(known.get("max_allowed_packet", _PACKET))) < _PACKET:
        words = f"max_allowed_packet is {size(packet)}: large batches will not pass"
        yield fails(words, f"set it to {size(_PACKET)} or more")
    if (connections := int(known.get("max_connections", _CONNECTIONS))) < _CONNECTIONS:
        words = f"max_connections is {connections}: each process of the backend may hold 32"
        yield warning(words, f"set it to {_CONNECTIONS} or more")


def _on(known: Mapping[str, str], name: str) -> bool:
    return known.get(name, "OFF").upper() in {"ON", "1"}


async def _look_at_migrations(around: Surroundings) -> list[Finding]:
    found = await standing(around.database)
    newest = ", ".join(sorted(found.newest))
    if found.current == found.newest:
        return [ok(f"the schema is this program's ({newest})")]
    current = ", ".join(sorted(found.current)) or "empty"
    if found.current <= set(found.known):
        words = f"the schema is {current}, and this program wants {newest}"
        return [fails(words, "run `sunsweep migrate`")]
    words = f"the schema ({current}) is of another version of the program than this one ({newest})"
    return [fails(words, "run the same version everywhere")]


DATABASE: Final = Check(
    "database", "It answers; version; strict mode; whether a power cut loses what it has confirmed", _look_at_database
)
MIGRATIONS: Final = Check("migrations", "The schema is the one this program was written for", _look_at_migrations)
