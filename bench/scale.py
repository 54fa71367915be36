"""The tables of `docs/scale.md`: a fleet's size to broker, ingest, database, disk, network and money.

`python -m bench.scale docs` writes them between the page's markers, with `--check` it compares. Arithmetic only: what
goes in stands below, each figure with where it comes from.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Final, NamedTuple

from sunsweep.contract.frames import FrameType, frame
from sunsweep.contract.published import Document, command

PAGE: Final = "scale.md"
FLEETS: Final = (1_000, 10_000, 100_000, 1_000_000)
DAY_S: Final = 86_400
YEAR_DAYS: Final = 365
MONTH_DAYS: Final = YEAR_DAYS / 12
HOUR_ROWS_A_YEAR: Final = YEAR_DAYS * 24


class Given(NamedTuple):
    """A figure that goes in; `source` is a link, a command of this repository, or says that we chose it."""

    value: float
    unit: str
    meaning: str
    source: str


_EMQX_REFERENCE: Final = "https://github.com/emqx/emqx-docs/blob/main/en_US/performance/performance-reference.md"
_EMQX_100M: Final = "https://www.emqx.com/en/blog/reaching-100m-mqtt-connections-with-emqx-5-0"
_TIDB_HARDWARE: Final = "https://docs.pingcap.com/tidb/stable/hardware-and-software-requirements"
_PRICES: Final = "https://raw.githubusercontent.com/moveinfra/eu-cloud-prices/main/data/eu-cloud-prices.csv"
_HETZNER_API: Final = "https://github.com/devantler-tech/platform/commit/cb791c6f"
_AWS_EGRESS: Final = "https://leanopstech.com/blog/aws-data-transfer-pricing-2026/"
_STORAGE: Final = "`bench/storage.py --only mariadb --machines 150`"
_INGEST: Final = "`bench/ingest.py --only-mariadb --machines 20000 --messages 60000`"
_AIR: Final = "`bench/machine_air.py`, mqtts"
_CHOSEN: Final = "chosen"

SAMPLE_S: Final = Given(30, "s", "a sample every", "the machine program's default")
BEAT_S: Final = Given(60, "s", "a heartbeat every", "the machine program's default")
TRANSFERS: Final = Given(
    4, "", "what the broker takes in and gives out of one message: itself and its receipt, each once in and once out",
    "`server/ingest`",
)  # fmt: skip

FAN_IN: Final = Given(
    30_000,
    "/s",
    "in and out, QoS 1, 128 bytes, shared subscriptions, no TLS, 75 % of 4 vCPU",
    f"[EMQX 5.1.6]({_EMQX_REFERENCE})",
)
FAN_IN_VCPU: Final = Given(4, "vCPU", "of the server in that test", f"[EMQX 5.1.6]({_EMQX_REFERENCE})")
CONNECTION_KB: Final = Given(
    24.3,
    "kB",
    "of memory a connection, subscribed and publishing, no TLS: 113 GiB for 5 million",
    f"[EMQX 5.0]({_EMQX_100M})",
)
CONNECTS: Final = Given(1_000, "/s", "connections that each listener of a node takes", "`deploy/emqx/emqx.conf`")

INGEST_US: Final = Given(24.1, "us", "CPU of the ingest a message, each moving its machine's newest state", _INGEST)
DATABASE_US: Final = Given(23.3, "us", "CPU of MariaDB a message, each moving its machine's newest state", _STORAGE)
COUNT_US: Final = Given(18.4, "us", "CPU of the jobs a sample counted, hour by hour", _STORAGE)
COUNT_DATABASE_US: Final = Given(22.1, "us", "CPU of MariaDB a sample counted", _STORAGE)

ROW_BYTES: Final = Given(152, "bytes", "a sample on disk (MariaDB)", _STORAGE)
SQLITE_ROW_BYTES: Final = Given(
    113, "bytes", "a sample on disk (SQLite)", "`bench/storage.py --only sqlite --machines 300 --hours 6`"
)
HOUR_BYTES: Final = Given(441, "bytes", "an hour counted (MariaDB)", _STORAGE)
DAY_BYTES: Final = Given(764, "bytes", "a day counted, ledger included (MariaDB)", _STORAGE)
CHANGE_BYTES: Final = Given(221, "bytes", "a change of state (MariaDB)", _STORAGE)
CHANGES_A_DAY: Final = Given(48, "a day", "changes of state of a machine", _CHOSEN)
LOG_BYTES: Final = Given(
    460, "bytes", "binary log a sample, its share of heartbeats and counting with it (MariaDB, whole rows)", _STORAGE
)
MINIMAL_LOG_BYTES: Final = Given(
    298,
    "bytes",
    "the same with `binlog_row_image=MINIMAL`",
    "`bench/storage.py --only mariadb --machines 150 --hours 6 --row-image minimal`",
)
LOG_DAYS: Final = Given(7, "days", "for which the binary log is kept", _CHOSEN)
RETENTION_DAYS: Final = Given(90, "days", "for which samples are kept", "`SUNSWEEP_RETENTION_DAYS`")
PAGE_BYTES: Final = Given(
    16_384,
    "bytes",
    "a page of InnoDB",
    "[MySQL](https://dev.mysql.com/doc/refman/8.4/en/innodb-parameters.html#sysvar_innodb_page_size)",
)

SAMPLE_OUT: Final = Given(229, "bytes", "a sample, from the machine", _AIR)
SAMPLE_IN: Final = Given(161, "bytes", "its receipt, to the machine", _AIR)
BEAT_OUT: Final = Given(150, "bytes", "a heartbeat, from the machine", _AIR)
BEAT_IN: Final = Given(121, "bytes", "its receipt, to the machine", _AIR)
HEADERS_MB: Final = Given(1.04, "MB", "headers of IP and TCP a machine and day, both ways (2.55 less 1.51)", _AIR)

TIDB_VCPU: Final = Given(
    104, "vCPU", "the least in production: 2 TiDB of 16, 3 PD of 8, 3 TiKV of 16", f"[TiDB]({_TIDB_HARDWARE})"
)
TIKV_TB: Final = Given(4, "TB", "the most that a TiKV of 16 vCPU is to hold on NVMe", f"[TiDB]({_TIDB_HARDWARE})")
COPIES: Final = Given(3, "", "copies of each row in TiKV", "[TiDB](https://docs.pingcap.com/tidb/stable/tidb-storage)")

SERVER_VCPU: Final = Given(8, "vCPU", "a server of the price list, with 32 GB", _CHOSEN)
SERVER_GB: Final = Given(32, "GB", "its memory", _CHOSEN)
SERVER_LOW: Final = Given(
    138.49, "EUR", "such a server a month, Hetzner CCX33", f"[list prices, 2026-10-28]({_PRICES})"
)
SERVER_HIGH: Final = Given(
    271.46, "EUR", "such a server a month, AWS m6a.2xlarge in Frankfurt", f"[list prices, 2026-10-28]({_PRICES})"
)
DISK_LOW: Final = Given(
    0.0572, "EUR", "a GB of disk a month, Hetzner volume", f"[Hetzner's price API, 2026-05-27]({_HETZNER_API})"
)
DISK_HIGH: Final = Given(
    0.0855,
    "EUR",
    "a GB of disk a month, AWS gp3 in Frankfurt (0.0952 USD)",
    "[AWS](https://aws.amazon.com/ebs/pricing/), quoted at second hand",
)
EGRESS_LOW: Final = Given(
    1.00,
    "EUR",
    "a TB to the machines, Hetzner, what each server has free (20 TB) not counted",
    f"[Hetzner's price API, 2026-05-27]({_HETZNER_API})",
)
EGRESS_HIGH: Final = Given(
    80.8, "EUR", "a TB to the machines, AWS's first step (90 USD)", f"[AWS, 2026-04-27]({_AWS_EGRESS})"
)

BUSY: Final = Given(0.5, "", "the share of a measured or published rate that is planned with", _CHOSEN)
ONE_SERVER_TB: Final = Given(8, "TB", "the most that one MySQL server is to hold", _CHOSEN)


def _mb_a_day(sample: Given, beat: Given) -> float:
    carried = DAY_S / SAMPLE_S.value * sample.value + DAY_S / BEAT_S.value * beat.value
    return carried / 1e6 + HEADERS_MB.value / 2


TO_SERVER_MB: Final = _mb_a_day(SAMPLE_OUT, BEAT_OUT)
"""Of one machine and day, as the next one."""
TO_MACHINE_MB: Final = _mb_a_day(SAMPLE_IN, BEAT_IN)


@dataclass(frozen=True)
class Fleet:
    """So many machines that are connected all day; quantities a second unless the name says otherwise."""

    machines: int

    @property
    def samples(self) -> float:
        return self.machines / SAMPLE_S.value

    @property
    def messages(self) -> float:
        """What the ingest takes."""
        return self.samples + self.machines / BEAT_S.value

    @property
    def transfers(self) -> float:
        """What the broker takes in and gives out."""
        return self.messages * TRANSFERS.value

    @property
    def broker_vcpu(self) -> float:
        """As busy as in EMQX's own test."""
        return self.transfers / FAN_IN.value * FAN_IN_VCPU.value

    @property
    def broker_gb(self) -> float:
        return self.machines * CONNECTION_KB.value / 1e6

    @property
    def broker_nodes(self) -> int:
        """Servers of the price list that carry it at the planned share, without a spare one."""
        return max(servers(self.broker_vcpu), ceil(self.broker_gb / BUSY.value / SERVER_GB.value))

    @property
    def return_s(self) -> float:
        """Until all have connected again, through one listener of each node."""
        return self.machines / CONNECTS.value / self.broker_nodes

    @property
    def ingest_cores(self) -> float:
        return self.messages * INGEST_US.value / 1e6

    @property
    def ingest_workers(self) -> int:
        """Processes at the planned share of a core each; one more stands by."""
        return ceil(self.ingest_cores / BUSY.value) + 1

    @property
    def counting_cores(self) -> float:
        """Of the one process that counts."""
        return self.samples * COUNT_US.value / 1e6

    @property
    def database_cores(self) -> float:
        return (self.messages * DATABASE_US.value + self.samples * COUNT_DATABASE_US.value) / 1e6

    @property
    def hot_pages_gb(self) -> float:
        """Each machine's samples go to a page of its own, in memory as long as it is the last one."""
        return self.machines * PAGE_BYTES.value / 1e9

    def raw_gb(self, days: float) -> float:
        """Samples and changes of state of so many days."""
        a_day = DAY_S / SAMPLE_S.value * ROW_BYTES.value + CHANGES_A_DAY.value * CHANGE_BYTES.value
        return self.machines * a_day * days / 1e9

    @property
    def counted_gb_a_year(self) -> float:
        """What stays for ever."""
        return self.machines * (HOUR_ROWS_A_YEAR * HOUR_BYTES.value + YEAR_DAYS * DAY_BYTES.value) / 1e9

    @property
    def log_gb_a_day(self) -> float:
        return self.samples * DAY_S * LOG_BYTES.value / 1e9

    @property
    def disk_gb(self) -> float:
        """One copy after a year."""
        return self.raw_gb(RETENTION_DAYS.value) + self.counted_gb_a_year

    @property
    def on_one_server(self) -> bool:
        return self.disk_gb / 1e3 <= ONE_SERVER_TB.value

    @property
    def egress_tb_a_month(self) -> float:
        return self.machines * TO_MACHINE_MB * MONTH_DAYS / 1e6


class Layout(NamedTuple):
    """Servers of the price list, and disk in GB."""

    broker: int
    backend: int
    database: int
    disk_gb: float

    @property
    def servers(self) -> int:
        return self.broker + self.backend + self.database


def layout(fleet: Fleet) -> Layout:
    """One server while everything fits at the planned share; then each part its own, with a spare one of each."""
    whole = fleet.broker_vcpu + fleet.ingest_cores + fleet.counting_cores + fleet.database_cores
    log_gb = fleet.log_gb_a_day * LOG_DAYS.value
    if servers(whole) == 1 and fleet.disk_gb / 1e3 <= ONE_SERVER_TB.value / 4:
        return Layout(0, 1, 0, fleet.disk_gb + log_gb)
    backend = servers(fleet.ingest_cores + fleet.counting_cores) + 1
    if fleet.on_one_server:
        return Layout(fleet.broker_nodes + 1, backend, 2 * servers(fleet.database_cores), 2 * (fleet.disk_gb + log_gb))
    copied_gb = fleet.disk_gb * COPIES.value
    more_tikv = max(0, ceil(copied_gb / 1e3 / TIKV_TB.value) - 3)
    tidb = ceil((TIDB_VCPU.value + 16 * more_tikv) / SERVER_VCPU.value)
    return Layout(fleet.broker_nodes + 1, backend, tidb, copied_gb)


def servers(vcpu: float) -> int:
    """Of the price list, at the planned share."""
    return max(1, ceil(vcpu / BUSY.value / SERVER_VCPU.value))


def frame_bytes() -> int:
    """A viewer's frame of one sample, as the server writes it."""
    sample = {"battery": 13.5, "solar_v": 21.2, "solar_a": 4.5, "water": 80, "extra": {"temp": 32.5, "vibration": 0.01}}
    stamped = sample | {"ts": "2026-07-01T12:00:00.000Z", "boot": 2**52, "seq": 100_000}
    return len(frame(FrameType.TELEMETRY, "SCM-0001", 0, stamped).encode())


# --- The tables ------------------------------------------------------------------------------------------------------

Row = tuple[str, Callable[[Fleet], str]]


def told(value: float) -> str:
    """Three figures are enough."""
    if value >= 100:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.2f}" if value < 1 else f"{value:.3g}"


def table(rows: Iterable[Row]) -> str:
    """A column for each fleet."""
    fleets = [Fleet(machines) for machines in FLEETS]
    lines = [
        "| machines | " + " | ".join(f"{machines:,}" for machines in FLEETS) + " |",
        "|---" * (len(FLEETS) + 1) + "|",
    ]
    lines += [f"| {name} | " + " | ".join(map(say, fleets)) + " |" for name, say in rows]
    return "\n".join(lines)


def given() -> str:
    """Every figure that goes in."""
    lines = ["| what | figure | from |", "|---|---|---|"]
    lines += [
        f"| {one.meaning} | {one.value:,.10g} {one.unit} | {one.source} |".replace("  ", " ")
        for one in globals().values()
        if isinstance(one, Given)
    ]
    return "\n".join(lines)


def load() -> str:
    return table([
        ("messages a second, to the ingest", lambda fleet: told(fleet.messages)),
        ("broker, in and out a second", lambda fleet: told(fleet.transfers)),
        ("broker, vCPU as busy as in EMQX's test", lambda fleet: told(fleet.broker_vcpu)),
        ("broker, GB for connections", lambda fleet: told(fleet.broker_gb)),
        ("broker nodes of 8 vCPU and 32 GB, planned, no spare", lambda fleet: f"{fleet.broker_nodes}"),
        ("all back after a restart, s", lambda fleet: told(fleet.return_s)),
        ("ingest, cores", lambda fleet: told(fleet.ingest_cores)),
        ("ingest workers, one of them standing by", lambda fleet: f"{fleet.ingest_workers}"),
        ("counting, share of its one process", lambda fleet: told(fleet.counting_cores)),
        ("database, rows written a second", lambda fleet: told(fleet.samples + fleet.messages)),
        ("database, cores", lambda fleet: told(fleet.database_cores)),
        ("database, pages that are written to, GB", lambda fleet: told(fleet.hot_pages_gb)),
    ])  # fmt: skip


def disk() -> str:
    return table([
        ("samples a year", lambda fleet: told(fleet.samples * DAY_S * YEAR_DAYS)),
        ("raw rows of 90 days, GB", lambda fleet: told(fleet.raw_gb(90))),
        ("raw rows of 30 days, GB", lambda fleet: told(fleet.raw_gb(30))),
        ("counted, GB more each year", lambda fleet: told(fleet.counted_gb_a_year)),
        ("one copy after a year, GB", lambda fleet: told(fleet.disk_gb)),
        ("binary log, GB a day", lambda fleet: told(fleet.log_gb_a_day)),
    ])  # fmt: skip


def network() -> str:
    return table([
        ("machines to server, Mbit/s", lambda fleet: told(fleet.machines * TO_SERVER_MB * 8 / DAY_S)),
        ("server to machines, Mbit/s", lambda fleet: told(fleet.machines * TO_MACHINE_MB * 8 / DAY_S)),
        ("server to machines, TB a month", lambda fleet: told(fleet.egress_tb_a_month)),
        ("one viewer of the whole fleet, Mbit/s", lambda fleet: told(fleet.messages * frame_bytes() * 8 / 1e6)),
    ])  # fmt: skip


def money() -> str:
    return table([
        ("broker, servers", lambda fleet: _or_together(layout(fleet).broker)),
        ("backend, servers", lambda fleet: f"{layout(fleet).backend}"),
        ("database, servers", lambda fleet: _or_together(layout(fleet).database)),
        ("database", lambda fleet: "MySQL" if fleet.on_one_server else "TiDB"),
        ("disk, TB, all copies", lambda fleet: told(layout(fleet).disk_gb / 1e3)),
        ("servers, EUR a month", lambda fleet: _span(layout(fleet).servers, SERVER_LOW, SERVER_HIGH)),
        ("disk, EUR a month", lambda fleet: _span(layout(fleet).disk_gb, DISK_LOW, DISK_HIGH)),
        ("to the machines, EUR a month", lambda fleet: _span(fleet.egress_tb_a_month, EGRESS_LOW, EGRESS_HIGH)),
        ("together, EUR a month", _together),
        ("a machine, EUR a month", lambda fleet: " to ".join(f"{sum_ / fleet.machines:.2f}" for sum_ in _sums(fleet))),
    ])  # fmt: skip


def _or_together(count: int) -> str:
    return f"{count}" if count else "the same"


def _span(amount: float, low: Given, high: Given) -> str:
    return f"{told(amount * low.value)} to {told(amount * high.value)}"


def _sums(fleet: Fleet) -> tuple[float, float]:
    plan = layout(fleet)
    amounts = (plan.servers, plan.disk_gb, fleet.egress_tb_a_month)
    low, high = (SERVER_LOW, DISK_LOW, EGRESS_LOW), (SERVER_HIGH, DISK_HIGH, EGRESS_HIGH)
    return (
        sum(amount * price.value for amount, price in zip(amounts, low, strict=True)),
        sum(amount * price.value for amount, price in zip(amounts, high, strict=True)),
    )


def _together(fleet: Fleet) -> str:
    return " to ".join(map(told, _sums(fleet)))


TABLES: Final[dict[str, Callable[[], str]]] = {
    "given": given, "load": load, "disk": disk, "network": network, "money": money
}  # fmt: skip
_BETWEEN: Final = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(page: str) -> str:
    """The page with its tables as they are now. Raises `ValueError` where one has no place, or a place no table."""
    places = [name for _, name, _ in _BETWEEN.findall(page)]
    if sorted(places) != sorted(TABLES):
        raise ValueError(f"the page has places for {places}, the tables are {list(TABLES)}")
    return _BETWEEN.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n\n{found[3]}", page)


def documents() -> Iterator[Document]:
    """The page, as Markdown; its words are what stands there."""
    page = Path(__file__).parents[1] / "docs" / PAGE
    yield PAGE, filled(page.read_text()).encode()


if __name__ == "__main__":
    sys.exit(command("python -m bench.scale", documents))
