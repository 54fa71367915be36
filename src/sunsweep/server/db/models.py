"""Every table. Instants are BIGINT milliseconds since 1970, UTC, on every database; `*_at` says so in its name."""

from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, MetaData, SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from sunsweep.server.db.types import Blob, Document, Double, Id, identifier

TABLE_ARGS: Final[dict[str, Any]] = {
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mysql_engine": "InnoDB",
}


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        }
    )


class Company(Base):
    """A tenant."""

    __tablename__ = "company"
    __table_args__ = (TABLE_ARGS,)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    raw_retention_days: Mapped[int | None] = mapped_column(Integer)
    raw_since: Mapped[int] = mapped_column(BigInteger, default=0)
    """Raw rows measured before this instant are gone: what was counted from them may not be counted again."""
    command_life_s: Mapped[int | None] = mapped_column(Integer)
    """For how long a start-like command may wait where its giver does not say; None: the platform's value."""
    custom_commands: Mapped[bool] = mapped_column(Boolean, default=False)
    """Whether commands that no catalogue names may be given."""
    created_at: Mapped[int] = mapped_column(BigInteger)


class User(Base):
    """A person. `company_id` is None for the platform's admins only."""

    __tablename__ = "user_account"
    __table_args__ = (TABLE_ARGS,)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    company_id: Mapped[int | None] = mapped_column(ForeignKey("company.id"), index=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    role: Mapped[str] = mapped_column(identifier(20))
    password_hash: Mapped[str] = mapped_column(String(255))
    token_version: Mapped[int] = mapped_column(Integer, default=0)
    disabled_at: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[int] = mapped_column(BigInteger)


class RefreshToken(Base):
    """What an access token is renewed with: its hash. Each is good once; all of one login are a `family`."""

    __tablename__ = "refresh_token"
    __table_args__ = (TABLE_ARGS,)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    family: Mapped[str] = mapped_column(identifier(32), index=True)
    token_hash: Mapped[str] = mapped_column(identifier(64), unique=True)
    issued_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger)
    used_at: Mapped[int | None] = mapped_column(BigInteger)


class PasswordReset(Base):
    """A one-time link with which a person sets a new password: its hash."""

    __tablename__ = "password_reset"
    __table_args__ = (TABLE_ARGS,)

    token_hash: Mapped[str] = mapped_column(identifier(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    expires_at: Mapped[int] = mapped_column(BigInteger)


class FailedLogin(Base):
    """Logins that failed in a row, of an e-mail address (whoever it belongs to) or a network address: its hash."""

    __tablename__ = "failed_login"
    __table_args__ = (TABLE_ARGS,)

    who_hash: Mapped[str] = mapped_column(identifier(64), primary_key=True)
    failed: Mapped[int] = mapped_column(Integer)
    last_at: Mapped[int] = mapped_column(BigInteger)
    blocked_until: Mapped[int] = mapped_column(BigInteger)


class ApiKey(Base):
    """A program's login: its hash, and what it may do in its company."""

    __tablename__ = "api_key"
    __table_args__ = (TABLE_ARGS,)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    company_id: Mapped[int] = mapped_column(ForeignKey("company.id"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    role: Mapped[str] = mapped_column(identifier(20))
    key_hash: Mapped[str] = mapped_column(identifier(64), unique=True)
    created_by: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger)
    used_at: Mapped[int | None] = mapped_column(BigInteger)
    revoked_at: Mapped[int | None] = mapped_column(BigInteger)


class AuditEntry(Base):
    """Who did what, to which object, when and from where. Entries are added, never changed.

    `outcome` is done or refused; `detail` is JSON. Without a company it is the platform admin's to see.
    """

    __tablename__ = "audit_entry"
    __table_args__ = (Index(None, "company_id", "id"), TABLE_ARGS)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger)
    company_id: Mapped[int | None] = mapped_column(BigInteger)
    actor_kind: Mapped[str] = mapped_column(identifier(16))
    """user, api_key, machine, command_line or nobody; `nobody` is the platform by itself, too."""
    actor_id: Mapped[int | None] = mapped_column(BigInteger)
    actor: Mapped[str] = mapped_column(String(254))
    """As it was called then: an e-mail address, a key's name, a serial."""
    address: Mapped[str] = mapped_column(identifier(64))
    action: Mapped[str] = mapped_column(identifier(64))
    object: Mapped[str] = mapped_column(String(254))
    outcome: Mapped[str] = mapped_column(identifier(10))
    detail: Mapped[str] = mapped_column(Document)


class Machine(Base):
    """A cleaning machine. It never changes company: moving one archives it here and makes a new one there."""

    __tablename__ = "machine"
    __table_args__ = (UniqueConstraint("company_id", "serial", "archived_key"), TABLE_ARGS)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    company_id: Mapped[int] = mapped_column(ForeignKey("company.id"))
    serial: Mapped[str] = mapped_column(identifier(64))
    name: Mapped[str] = mapped_column(String(120), default="")
    model: Mapped[str] = mapped_column(String(64), default="")
    tags: Mapped[str] = mapped_column(Document, default="[]")
    lat: Mapped[float | None] = mapped_column(Double)
    lon: Mapped[float | None] = mapped_column(Double)
    expected_interval_s: Mapped[int] = mapped_column(Integer, default=60)
    notes: Mapped[str] = mapped_column(
        String(4000), default="", server_default="", deferred=True, deferred_raiseload=True
    )
    """Free text of the company's own people; read where one machine is asked for, not with thousands."""
    enabled: Mapped[bool] = mapped_column(Boolean, default=True)
    created_at: Mapped[int] = mapped_column(BigInteger)
    archived_at: Mapped[int | None] = mapped_column(BigInteger)
    archived_key: Mapped[int] = mapped_column(BigInteger, default=0)
    """0, or the row's own id once archived: so that a serial is unique among the living only."""


class MachineCredential(Base):
    """A login of a machine at the broker. Rotation leaves two until `ends_at`."""

    __tablename__ = "machine_credential"
    __table_args__ = (TABLE_ARGS,)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    machine_id: Mapped[int] = mapped_column(ForeignKey("machine.id"), index=True)
    username: Mapped[str] = mapped_column(identifier(64), unique=True)
    password_hash: Mapped[str] = mapped_column(identifier(128))
    salt: Mapped[str] = mapped_column(identifier(32))
    created_at: Mapped[int] = mapped_column(BigInteger)
    ends_at: Mapped[int | None] = mapped_column(BigInteger)
    revoked_at: Mapped[int | None] = mapped_column(BigInteger)
    first_used_at: Mapped[int | None] = mapped_column(BigInteger)
    """When it was seen to connect for the first time; with that the login before it ends."""


class LoginToKick(Base):
    """A login that was taken away: its sessions at the broker are still to be ended."""

    __tablename__ = "login_to_kick"
    __table_args__ = (TABLE_ARGS,)

    username: Mapped[str] = mapped_column(identifier(64), primary_key=True)
    asked_at: Mapped[int] = mapped_column(BigInteger)


class TopicsToClear(Base):
    """A machine that has ended: what the broker retains on its topics is still to be cleared."""

    __tablename__ = "topics_to_clear"
    __table_args__ = (TABLE_ARGS,)

    machine_id: Mapped[int] = mapped_column(ForeignKey("machine.id"), primary_key=True, autoincrement=False)
    asked_at: Mapped[int] = mapped_column(BigInteger)


class EnrolmentCode(Base):
    """A one-time code with which a machine fetches a login: its hash, one of each machine at most."""

    __tablename__ = "enrolment_code"
    __table_args__ = (TABLE_ARGS,)

    machine_id: Mapped[int] = mapped_column(ForeignKey("machine.id"), primary_key=True, autoincrement=False)
    code_hash: Mapped[str] = mapped_column(identifier(64), unique=True)
    expires_at: Mapped[int] = mapped_column(BigInteger)


class ServiceAccount(Base):
    """A login of the backend itself at the broker."""

    __tablename__ = "service_account"
    __table_args__ = (TABLE_ARGS,)

    username: Mapped[str] = mapped_column(identifier(64), primary_key=True)
    password_hash: Mapped[str] = mapped_column(identifier(128))
    salt: Mapped[str] = mapped_column(identifier(32))


class ServiceRule(Base):
    """What a service account may do at the broker; `action` is publish, subscribe or all."""

    __tablename__ = "service_rule"
    __table_args__ = (TABLE_ARGS,)

    username: Mapped[str] = mapped_column(ForeignKey("service_account.username"), primary_key=True)
    action: Mapped[str] = mapped_column(identifier(9), primary_key=True)
    topic: Mapped[str] = mapped_column(identifier(255), primary_key=True)


class BrokerSync(Base):
    """One row: which change of the logins the local broker's files are to show, and which they do show."""

    __tablename__ = "broker_sync"
    __table_args__ = (TABLE_ARGS,)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    wanted: Mapped[int] = mapped_column(BigInteger, default=0)
    applied: Mapped[int] = mapped_column(BigInteger, default=0)
    runner_seen_at: Mapped[int] = mapped_column(BigInteger, default=0)


class Lease(Base):
    """Who does what only one process may do, until when."""

    __tablename__ = "lease"
    __table_args__ = (TABLE_ARGS,)

    name: Mapped[str] = mapped_column(identifier(64), primary_key=True)
    holder: Mapped[str] = mapped_column(identifier(64))
    expires_at: Mapped[int] = mapped_column(BigInteger)
    since: Mapped[int] = mapped_column(BigInteger, default=0)
    """When this holder took it, or had let it lapse for the last time."""


class TelemetryRow(Base):
    """A sample, one row each, as measured (V, V, A, % of the tank). No foreign key: partitions cannot have one.

    Numbered rows carry the machine's `boot` and `seq`; others have boot 0 and a `seq` drawn by the worker.
    """

    __tablename__ = "telemetry"
    __table_args__ = ({**TABLE_ARGS, "sqlite_with_rowid": False},)

    machine_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    ts: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    boot: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    battery: Mapped[float | None] = mapped_column(Double)
    solar_v: Mapped[float | None] = mapped_column(Double)
    solar_a: Mapped[float | None] = mapped_column(Double)
    water: Mapped[float | None] = mapped_column(Double)
    extra: Mapped[str | None] = mapped_column(Document)
    flags: Mapped[int] = mapped_column(SmallInteger)
    received_at: Mapped[int] = mapped_column(BigInteger)


class StatusEvent(Base):
    """A change of state, one row each (Wh, litres, m² of the run)."""

    __tablename__ = "status_event"
    __table_args__ = ({**TABLE_ARGS, "sqlite_with_rowid": False},)

    machine_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    ts: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    boot: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    status: Mapped[str | None] = mapped_column(String(64))
    energy: Mapped[float | None] = mapped_column(Double)
    water: Mapped[float | None] = mapped_column(Double)
    area: Mapped[float | None] = mapped_column(Double)
    extra: Mapped[str | None] = mapped_column(Document)
    flags: Mapped[int] = mapped_column(SmallInteger)
    received_at: Mapped[int] = mapped_column(BigInteger)


class MachineStatus(Base):
    """The newest of a machine: its state, its sample, its presence. One row each."""

    __tablename__ = "machine_status"
    __table_args__ = (TABLE_ARGS,)

    machine_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    status: Mapped[str | None] = mapped_column(String(64))
    """The newest status text but `offline`, which is presence."""
    energy: Mapped[float | None] = mapped_column(Double)
    run_water: Mapped[float | None] = mapped_column(Double)
    area: Mapped[float | None] = mapped_column(Double)
    status_extra: Mapped[str | None] = mapped_column(Document)
    status_at: Mapped[int | None] = mapped_column(BigInteger)
    battery: Mapped[float | None] = mapped_column(Double)
    solar_v: Mapped[float | None] = mapped_column(Double)
    solar_a: Mapped[float | None] = mapped_column(Double)
    water: Mapped[float | None] = mapped_column(Double)
    telemetry_extra: Mapped[str | None] = mapped_column(Document)
    telemetry_at: Mapped[int | None] = mapped_column(BigInteger)
    presence: Mapped[str] = mapped_column(identifier(10))
    presence_since: Mapped[int] = mapped_column(BigInteger)
    presence_cause: Mapped[str] = mapped_column(identifier(20))
    heard_at: Mapped[int] = mapped_column(BigInteger)
    """Of the newest word, min(when it was measured, when it came)."""
    seen_at: Mapped[int] = mapped_column(BigInteger, default=0)
    """When anything came from the machine for the last time, however old it was."""
    session_boot: Mapped[int | None] = mapped_column(BigInteger)
    session_n: Mapped[int | None] = mapped_column(BigInteger)
    in_session: Mapped[bool] = mapped_column(Boolean)
    """Whether the newest status carried a `session`: a machine that does not is bare, and answers no command."""
    past_boots: Mapped[str] = mapped_column(Document, default="[]")
    software: Mapped[str | None] = mapped_column(String(64))


class CommandRow(Base):
    """An order and its state. Ids are UUIDv7 in the order of a machine's commands."""

    __tablename__ = "command"
    __table_args__ = (
        Index(None, "machine_id", "id"),
        Index(None, "state", "machine_id"),
        Index(None, "holds", "machine_id"),
        Index(None, "machine_id", "command", "id"),
        Index(None, "company_id", "id"),
        Index(None, "issued_by", "issued_at"),
        Index(None, "issued_by_key", "issued_at"),
        UniqueConstraint("machine_id", "idempotency_key"),
        TABLE_ARGS,
    )

    id: Mapped[str] = mapped_column(identifier(36), primary_key=True)
    company_id: Mapped[int] = mapped_column(BigInteger)
    """The machine's, which never changes."""
    machine_id: Mapped[int] = mapped_column(ForeignKey("machine.id"))
    command: Mapped[str] = mapped_column(identifier(64))
    params: Mapped[str] = mapped_column(Document)
    state: Mapped[str] = mapped_column(identifier(12))
    reason: Mapped[str] = mapped_column(String(255), default="")
    issued_by: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    issued_by_key: Mapped[int | None] = mapped_column(BigInteger)
    issued_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int | None] = mapped_column(BigInteger)
    sent_at: Mapped[int | None] = mapped_column(BigInteger)
    """When it was sent for the last time."""
    sends: Mapped[int] = mapped_column(Integer, default=0)
    """How many times the broker is known to have taken it."""
    holds: Mapped[int] = mapped_column(SmallInteger, default=0)
    """The rank of a stop-like command that is open: as long as it is, starts wait. 0 otherwise."""
    changed_at: Mapped[int] = mapped_column(BigInteger)
    idempotency_key: Mapped[str | None] = mapped_column(identifier(64))


class CommandEvent(Base):
    """One change of a command's state, with its time and cause."""

    __tablename__ = "command_event"
    __table_args__ = (TABLE_ARGS,)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    command_id: Mapped[str] = mapped_column(ForeignKey("command.id"), index=True)
    at: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(identifier(12))
    reason: Mapped[str] = mapped_column(String(255), default="")


class CommandResult(Base):
    """What a machine said of a command, one row each."""

    __tablename__ = "command_result"
    __table_args__ = (Index(None, "command_id"), {**TABLE_ARGS, "sqlite_with_rowid": False})

    machine_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    ts: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    boot: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    command_id: Mapped[str] = mapped_column(identifier(36))
    state: Mapped[str] = mapped_column(identifier(12))
    detail: Mapped[str] = mapped_column(Document)
    received_at: Mapped[int] = mapped_column(BigInteger)


class MachineModel(Base):
    """What a company says of a machine model: the commands it knows beside the built-in ones, and what proves them.

    `commands` is JSON, {command: {"description", "params": {...}, "proved_by": [states]}}.
    """

    __tablename__ = "machine_model"
    __table_args__ = (UniqueConstraint("company_id", "name"), TABLE_ARGS)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    company_id: Mapped[int] = mapped_column(ForeignKey("company.id"))
    name: Mapped[str] = mapped_column(String(64))
    commands: Mapped[str] = mapped_column(Document)
    changed_at: Mapped[int] = mapped_column(BigInteger)


class BulkRun(Base):
    """One command for many machines, given in stages; `state` is running, finished or aborted.

    `abort_after`: so many machines that did not do it, and no further stage begins. None: never.
    """

    __tablename__ = "bulk_run"
    __table_args__ = (
        Index(None, "company_id", "id"),
        Index(None, "state"),
        Index(None, "issued_by", "issued_at"),
        Index(None, "issued_by_key", "issued_at"),
        TABLE_ARGS,
    )

    id: Mapped[str] = mapped_column(identifier(36), primary_key=True)
    company_id: Mapped[int] = mapped_column(ForeignKey("company.id"))
    command: Mapped[str] = mapped_column(identifier(64))
    params: Mapped[str] = mapped_column(Document)
    expires_in_s: Mapped[int | None] = mapped_column(Integer)
    selection: Mapped[str] = mapped_column(Document)
    """The filter that chose the machines, as JSON."""
    stage_size: Mapped[int] = mapped_column(Integer)
    abort_after: Mapped[int | None] = mapped_column(Integer)
    stage: Mapped[int] = mapped_column(Integer, default=0)
    """The stage that has been given, from 1; 0 before the first."""
    state: Mapped[str] = mapped_column(identifier(12))
    reason: Mapped[str] = mapped_column(String(255), default="")
    issued_by: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    issued_by_key: Mapped[int | None] = mapped_column(BigInteger)
    issued_at: Mapped[int] = mapped_column(BigInteger)
    ended_at: Mapped[int | None] = mapped_column(BigInteger)


class BulkTarget(Base):
    """A machine of a bulk run: its stage (from 1), and the command it was given, or why it was given none."""

    __tablename__ = "bulk_target"
    __table_args__ = (Index(None, "bulk_id", "stage"), Index(None, "command_id"), TABLE_ARGS)

    bulk_id: Mapped[str] = mapped_column(ForeignKey("bulk_run.id"), primary_key=True)
    machine_id: Mapped[int] = mapped_column(ForeignKey("machine.id"), primary_key=True, autoincrement=False)
    stage: Mapped[int] = mapped_column(Integer)
    command_id: Mapped[str | None] = mapped_column(ForeignKey("command.id"))
    refused: Mapped[str] = mapped_column(String(255), default="")


class DeadLetter(Base):
    """A message that could not be stored, as it came. Without a company it is the platform admin's to see."""

    __tablename__ = "dead_letter"
    __table_args__ = (
        Index(None, "company_id", "id"),
        Index("ix_dead_letter_machine_id_received_at", "machine_id", "received_at"),
        Index("ix_dead_letter_replay_at", "replay_at"),
        TABLE_ARGS,
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    company_id: Mapped[int | None] = mapped_column(BigInteger)
    machine_id: Mapped[int | None] = mapped_column(BigInteger)
    topic: Mapped[str] = mapped_column(String(512))
    payload: Mapped[bytes | None] = mapped_column(Blob)
    """None beyond the cap of its machine and day."""
    size: Mapped[int] = mapped_column(Integer)
    boot: Mapped[int | None] = mapped_column(BigInteger)
    seq: Mapped[int | None] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(identifier(32))
    detail: Mapped[str] = mapped_column(String(255))
    received_at: Mapped[int] = mapped_column(BigInteger)
    replay_at: Mapped[int | None] = mapped_column(BigInteger)
    """When it was asked to be fed in again."""


class DeadLetterDay(Base):
    """How many dead letters a machine (0: nobody's) has had on a UTC day, and how many with their bytes."""

    __tablename__ = "dead_letter_day"
    __table_args__ = ({**TABLE_ARGS, "sqlite_with_rowid": False},)

    machine_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    day: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    refused: Mapped[int] = mapped_column(BigInteger)
    kept: Mapped[int] = mapped_column(BigInteger)


class PlatformState(Base):
    """Numbers of the whole platform.

    `closed_until`: hours before it are closed; whoever stores into one of them leaves a mark (`dirty_hour`).
    `rolled_until`: hours before it have been counted. `ingest_members`: how many sessions the ingest reads through.
    """

    __tablename__ = "platform_state"
    __table_args__ = (TABLE_ARGS,)

    name: Mapped[str] = mapped_column(identifier(32), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)


class DirtyHour(Base):
    """A closed hour of a machine into which something was stored: it is to be counted again."""

    __tablename__ = "dirty_hour"
    __table_args__ = ({**TABLE_ARGS, "sqlite_with_rowid": False},)

    machine_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    hour: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


class Rollup:
    """Samples of a span: how many; of each measured field how many said it, least, greatest, mean.

    `extra` is JSON, {key: [count, min, max, mean]} of at most 64 numeric keys.
    """

    machine_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    start: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    count: Mapped[int] = mapped_column(BigInteger)
    battery_count: Mapped[int] = mapped_column(BigInteger)
    battery_min: Mapped[float | None] = mapped_column(Double)
    battery_max: Mapped[float | None] = mapped_column(Double)
    battery_mean: Mapped[float | None] = mapped_column(Double)
    solar_v_count: Mapped[int] = mapped_column(BigInteger)
    solar_v_min: Mapped[float | None] = mapped_column(Double)
    solar_v_max: Mapped[float | None] = mapped_column(Double)
    solar_v_mean: Mapped[float | None] = mapped_column(Double)
    solar_a_count: Mapped[int] = mapped_column(BigInteger)
    solar_a_min: Mapped[float | None] = mapped_column(Double)
    solar_a_max: Mapped[float | None] = mapped_column(Double)
    solar_a_mean: Mapped[float | None] = mapped_column(Double)
    water_count: Mapped[int] = mapped_column(BigInteger)
    water_min: Mapped[float | None] = mapped_column(Double)
    water_max: Mapped[float | None] = mapped_column(Double)
    water_mean: Mapped[float | None] = mapped_column(Double)
    extra: Mapped[str | None] = mapped_column(Document)


class TelemetryHour(Rollup, Base):
    """A machine's samples of an hour."""

    __tablename__ = "telemetry_hour"
    __table_args__ = ({**TABLE_ARGS, "sqlite_with_rowid": False},)


class TelemetryDay(Rollup, Base):
    """A machine's samples of a UTC day."""

    __tablename__ = "telemetry_day"
    __table_args__ = ({**TABLE_ARGS, "sqlite_with_rowid": False},)


class LedgerDay(Base):
    """What of a boot's messages was stored (by the day they were measured) or rejected (by the day they came).

    `count` rows; `stored` is JSON [[first, last], ...], `rejected` [[first, last, reason], ...]. Boot 0 are the
    unnumbered: only their count says something.
    """

    __tablename__ = "ledger_day"
    __table_args__ = (Index(None, "machine_id", "day"), {**TABLE_ARGS, "sqlite_with_rowid": False})

    machine_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    boot: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    day: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    count: Mapped[int] = mapped_column(BigInteger)
    stored: Mapped[str] = mapped_column(Document)
    rejected: Mapped[str] = mapped_column(Document)


class LedgerLoss(Base):
    """Numbered messages that a machine has told to have given up."""

    __tablename__ = "ledger_loss"
    __table_args__ = ({**TABLE_ARGS, "sqlite_with_rowid": False},)

    machine_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    boot: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    first_seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    last_seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


class LedgerEnd(Base):
    """The last number of a boot that has ended, in the machine's own word."""

    __tablename__ = "ledger_end"
    __table_args__ = ({**TABLE_ARGS, "sqlite_with_rowid": False},)

    machine_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    boot: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    last_seq: Mapped[int] = mapped_column(BigInteger)


class LedgerBoot(Base):
    """Totals of a boot when it was counted last: last_seq = stored + rejected + given_up + missing."""

    __tablename__ = "ledger_boot"
    __table_args__ = ({**TABLE_ARGS, "sqlite_with_rowid": False},)

    machine_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    boot: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    last_seq: Mapped[int] = mapped_column(BigInteger)
    stored: Mapped[int] = mapped_column(BigInteger)
    rejected: Mapped[int] = mapped_column(BigInteger)
    given_up: Mapped[int] = mapped_column(BigInteger)
    missing: Mapped[int] = mapped_column(BigInteger)
    counted_at: Mapped[int] = mapped_column(BigInteger)
