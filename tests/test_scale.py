"""The page on scale says what the arithmetic says, and what it says of our code is so."""

import re
from pathlib import Path

import pytest
from bench.scale import Fleet, Given, documents, filled, layout

from bench import scale
from sunsweep.contract.published import outdated
from sunsweep.machine.config import MachineConfig
from sunsweep.server.db.models import Base
from sunsweep.server.settings import BackendSettings

ROOT = Path(__file__).parents[1]
SERVER = ROOT / "src/sunsweep/server"
PAGE = (ROOT / "docs/scale.md").read_text()
GIVEN = [one for one in vars(scale).values() if isinstance(one, Given)]


def found_in(pattern: str) -> set[str]:
    """The server's files in which it is said."""
    return {str(path.relative_to(SERVER)) for path in SERVER.rglob("*.py") if re.search(pattern, path.read_text())}


def test_the_page_is_up_to_date() -> None:
    assert outdated(documents(), ROOT / "docs") == [], "run `make docs`"


def has_a_source(one: Given) -> bool:
    """A link, a file of this repository that is there, or the word that we chose it."""
    if one.source in {"chosen", "the machine program's default", "`SUNSWEEP_RETENTION_DAYS`"}:
        return True
    files = [ROOT / name for name in re.findall(r"`((?:bench|deploy)/[^` ]+)[^`]*`", one.source)]
    files += [ROOT / "src/sunsweep" / name for name in re.findall(r"`(server/[^` ]+)`", one.source)]
    linked = re.search(r"\]\(https://[^ )]+\)", one.source) is not None
    return linked or (bool(files) and all(file.exists() for file in files))


def test_every_figure_says_where_it_comes_from() -> None:
    assert len(GIVEN) > 30
    assert [one for one in GIVEN if not has_a_source(one)] == []


def test_figures_of_our_own_are_what_the_program_does() -> None:
    config = MachineConfig(broker="mqtt://b", company_id=1, machine_id="A", mqtt_username="m-1", mqtt_password="p")
    assert config.telemetry_interval_s == scale.SAMPLE_S.value
    assert config.heartbeat_interval_s == scale.BEAT_S.value
    assert BackendSettings.model_fields["retention_days"].default == scale.RETENTION_DAYS.value
    emqx = (ROOT / "deploy/emqx/emqx.conf").read_text()
    assert set(re.findall(r'max_conn_rate = "(\d+)/s"', emqx)) == {f"{scale.CONNECTS.value:.0f}"}
    (cache,) = re.findall(r"max_size = (\d+)", emqx)
    assert f"{int(cache) // 2:,} machines" in PAGE
    assert f"holds {int(cache):,}" in PAGE


def test_a_fleet_is_reckoned_by_hand() -> None:
    fleet = Fleet(120_000)
    assert fleet.samples == 4_000
    assert fleet.messages == 6_000
    assert fleet.transfers == 24_000
    assert fleet.broker_vcpu == pytest.approx(3.2)
    assert fleet.hot_pages_gb == pytest.approx(120_000 * 16_384 / 1e9)
    row, change = scale.ROW_BYTES.value, scale.CHANGE_BYTES.value
    assert Fleet(1).raw_gb(1) == pytest.approx((2_880 * row + 48 * change) / 1e9)


def test_what_fits_into_half_a_server_stays_on_one_and_what_is_too_much_for_a_disk_goes_to_many() -> None:
    assert layout(Fleet(1_000)).servers == 1
    apart = layout(Fleet(100_000))
    assert (apart.broker, apart.backend, apart.database) == (2, 2, 2)
    assert Fleet(100_000).on_one_server
    assert not Fleet(1_000_000).on_one_server
    assert layout(Fleet(1_000_000)).database * scale.SERVER_VCPU.value > scale.TIDB_VCPU.value


@pytest.mark.parametrize(
    "page",
    [
        PAGE.replace("<!-- table: disk -->", ""),
        PAGE + "<!-- table: disk -->\n<!-- end -->",
        PAGE.replace("<!-- table: disk -->", "<!-- table: weather -->"),
    ],
    ids=["no place", "two places", "no such table"],
)
def test_a_table_without_its_place_is_told(page: str) -> None:
    with pytest.raises(ValueError, match="places"):
        filled(page)


def test_what_the_page_says_of_locks_is_so() -> None:
    assert found_in(r"with_for_update\(read=True") == {"db/state.py", "jobs/repository.py"}
    assert found_in(r"held_state_of\(") == {"db/state.py", "ingest/mark.py"}
    assert found_in(r"with_for_update\(of=") == {"features/enrolment/repository.py"}
    assert found_in(r"skip_locked|SKIP LOCKED|begin_nested|SAVEPOINT") == set()
    assert found_in(r"GET_LOCK") == {"db/resumable.py"}


def test_what_the_page_says_of_keys_is_so() -> None:
    tables = Base.metadata.tables
    keys = {key for table in tables.values() for key in table.foreign_keys}
    assert f"| {len(keys)} foreign keys" in PAGE
    for name in ("telemetry", "status_event", "command_result"):
        assert [column.name for column in tables[name].primary_key] == ["machine_id", "ts", "boot", "seq"]
        assert not tables[name].foreign_keys
    first = {name: next(iter(table.primary_key)).name for name, table in tables.items()}
    by_machine = {name for name, column in first.items() if column == "machine_id"}
    assert {"machine_status", "telemetry_hour", "telemetry_day", "ledger_day", "ledger_boot"} <= by_machine
    grow = {name for name, table in tables.items() if "machine_id" in table.columns and first[name] == "id"}
    assert grow == {"machine_credential", "command", "dead_letter"}
