"""The broker's certificate is kept good: in time, whole, for the broker's eyes only, and seen on the wire."""

import asyncio
import logging
import ssl
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import mqtt5
import pytest
from prometheus_client import REGISTRY
from typer.testing import CliRunner

from sunsweep.cli.certificates import CertificateError, files_in, issue
from sunsweep.cli.keep_certs import (
    AGAIN_S,
    EVERY_S,
    SHOWN_WITHIN_S,
    Change,
    FromFiles,
    OwnAuthority,
    Place,
    Source,
    keep,
    look,
    see,
)
from sunsweep.cli.verbs import cli
from sunsweep.server.features.enrolment.addresses import ca_certificate
from sunsweep.server.tls_dates import Certificate, look_at_authorities, look_at_pair, look_at_server
from tests.machine.broker import BACKEND, Broker
from tests.support.authority import Authority, Pair
from tests.support.fake_broker import packet_from
from tests.support.ports import free_port

NAMES = ["broker.example.org", "127.0.0.1"]
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


pytestmark = pytest.mark.usefixtures("outside_of_any_loop")


@pytest.fixture
def own(tmp_path: Path) -> OwnAuthority:
    return OwnAuthority(tmp_path / "authority", NAMES)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def laid(out: Path) -> Certificate:
    files = files_in(out)
    found = look_at_pair(files.server, files.server_key)
    assert found.certificate is not None
    return found.certificate


class EndError(Exception):
    """The test has seen enough."""


class Passing:
    """A clock that the loop's own pauses move, a little or much faster; in each pause something may happen."""

    def __init__(
        self, until: timedelta, happens: Callable[[datetime], object] = lambda _: None, *, speed: int = 1
    ) -> None:
        self.now = NOW
        self._speed = speed
        self.pauses: list[float] = []
        self._until = NOW + until
        self._happens = happens

    def clock(self) -> datetime:
        return self.now

    async def sleep(self, pause_s: float) -> None:
        self.pauses.append(pause_s)
        self.now += timedelta(seconds=pause_s * self._speed)
        self._happens(self.now)
        if self.now >= self._until:
            raise EndError


async def kept(source: Source, out: Path, passing: Passing) -> None:
    with pytest.raises(EndError):
        await keep(source, out, clock=passing.clock, sleep=passing.sleep)


def test_it_is_made_for_the_broker_s_eyes_and_the_authority_s_keys_stay_at_home(own: OwnAuthority, out: Path) -> None:
    first = look(own, out, NOW)
    assert (first.change, first.found.fault) == (Change.FIRST, None)
    files = files_in(out)
    assert {file.name: file.stat().st_mode & 0o777 for file in out.iterdir()} == {
        "ca.crt": 0o644,
        "server.crt": 0o644,
        "server.key": 0o600,
    }
    assert out.stat().st_mode & 0o777 == 0o755
    assert own.folder.stat().st_mode & 0o777 == 0o700
    assert look_at_pair(files.server, files.server_key, hosts=NAMES, ca_file=files.ca).fault is None


def test_nothing_is_written_while_nothing_is_due(own: OwnAuthority, out: Path) -> None:
    """EMQX goes by the time of the last change."""
    look(own, out, NOW)
    before = {file.name: file.stat().st_mtime_ns for file in out.iterdir()}
    assert look(own, out, NOW + 200 * DAY).change is Change.NONE
    assert {file.name: file.stat().st_mtime_ns for file in out.iterdir()} == before


async def test_it_is_renewed_when_a_third_of_its_year_is_left_and_is_never_late(own: OwnAuthority, out: Path) -> None:
    seen: dict[int, datetime] = {}

    def note(now: datetime) -> None:
        shown = laid(out)
        seen.setdefault(shown.serial, now)
        assert shown.not_after - now > 119 * DAY

    passing = Passing(550 * DAY, note, speed=24)
    await kept(own, out, passing)
    assert set(passing.pauses) == {EVERY_S}
    first, second, third = sorted(seen.values())
    assert 242 * DAY < second - first < 246 * DAY
    assert 242 * DAY < third - second < 246 * DAY


def test_other_hosts_have_a_new_one_at_once(own: OwnAuthority, out: Path) -> None:
    look(own, out, NOW)
    before = laid(out)
    assert look(OwnAuthority(own.folder, [*NAMES, "new.example.org"]), out, NOW).change is Change.RENEWED
    assert laid(out).covers("new.example.org")
    assert laid(out).serial != before.serial


def test_what_a_power_cut_tore_apart_is_mended(own: OwnAuthority, out: Path) -> None:
    look(own, out, NOW)
    files, home = files_in(out), files_in(own.folder)
    files.server_key.write_bytes(b"")
    assert look(own, out, NOW).found.fault is None
    assert files.server_key.read_bytes() == home.server_key.read_bytes()
    home.server_key.write_bytes(files_in(issued_elsewhere(own.folder)).server_key.read_bytes())
    assert look(own, out, NOW).found.fault is None
    assert look_at_pair(files.server, files.server_key, ca_file=files.ca).fault is None


def issued_elsewhere(folder: Path) -> Path:
    elsewhere = folder.with_name("elsewhere")
    issue(elsewhere, NAMES)
    return elsewhere


def test_whoever_was_told_whom_to_trust_stays_in_for_two_years_at_the_least(own: OwnAuthority, out: Path) -> None:
    """Through twenty-five years and three authorities."""
    handed_out: list[tuple[datetime, Path]] = []
    authorities = set()
    for moment in range(0, 25 * 365, 60):
        now = NOW + moment * DAY
        assert look(own, out, now).found.fault is None
        files = files_in(out)
        handed_out.append((now, out.with_name(f"given-{moment}.crt")))
        handed_out[-1][1].write_bytes(files.ca.read_bytes())
        for given, ca_file in handed_out:
            if now - given < 2 * 365 * DAY:
                found = look_at_pair(files.server, files.server_key, hosts=NAMES, ca_file=ca_file, now=now)
                assert found.fault is None, (given, now, found.words)
        told = look_at_authorities(files.ca, now=now)
        assert [one.fault for one in told] in ([None], [None, None])
        authorities |= {one.certificate.serial for one in told if one.certificate is not None}
    assert len(authorities) >= 4


def test_without_the_authority_s_key_what_is_there_stays(own: OwnAuthority, out: Path) -> None:
    look(own, out, NOW)
    files_in(own.folder).ca_key.unlink()
    before = laid(out)
    with pytest.raises(CertificateError, match=r"ca\.key is missing"):
        look(own, out, NOW + 300 * DAY)
    assert laid(out) == before


@pytest.fixture
def caddy(tmp_path: Path) -> tuple[Authority, FromFiles]:
    (tmp_path / "caddy").mkdir()
    authority = Authority(tmp_path / "caddy")
    return authority, FromFiles(tmp_path / "caddy" / "site.crt", tmp_path / "caddy" / "site.key", ["sun.example.org"])


def brought(authority: Authority, *, host: str = "sun.example.org", days: int = 30_000) -> Pair:
    return authority.sign("site", host=host, days=days)


def test_a_pair_of_somebody_else_s_is_copied_and_copied_again(caddy: tuple[Authority, FromFiles], out: Path) -> None:
    authority, source = caddy
    brought(authority)
    assert look(source, out, NOW).change is Change.FIRST
    files = files_in(out)
    assert (files.server_key.stat().st_mode & 0o777, files.ca.read_bytes()) == (0o600, source.certificate.read_bytes())
    assert look(source, out, NOW).change is Change.NONE
    brought(authority)
    assert look(source, out, NOW).change is Change.RENEWED
    assert files.server.read_bytes() == source.certificate.read_bytes()
    assert files.server_key.read_bytes() == source.key.read_bytes()


def test_its_chain_goes_with_it(caddy: tuple[Authority, FromFiles], out: Path) -> None:
    authority, source = caddy
    source.certificate.write_bytes(brought(authority).cert.read_bytes() + authority.file.read_bytes())
    look(source, out, NOW)
    assert files_in(out).server.read_bytes() == source.certificate.read_bytes()
    assert files_in(out).ca.read_bytes() == authority.file.read_bytes()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda authority: brought(authority, days=-1), r"site\.crt: it expired on"),
        (lambda authority: brought(authority, host="b.example.org"), r"not for sun\.example\.org, but for b\.exam"),
        (lambda authority: authority.sign("x").key.replace(authority.file.with_name("site.key")), "is not the key of"),
        (lambda authority: authority.file.with_name("site.key").unlink(), r"site\.key: No such file"),
        (lambda authority: authority.file.with_name("site.crt").write_text("?"), r"site\.crt: holds nothing of use"),
    ],
    ids=["expired", "another-host", "another-key", "missing", "rubbish"],
)
async def test_what_is_no_good_is_refused_said_once_and_what_was_there_stays(
    caddy: tuple[Authority, FromFiles],
    out: Path,
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[Authority], object],
    words: str,
) -> None:
    authority, source = caddy
    brought(authority)
    look(source, out, NOW)
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    spoil(authority)
    with pytest.raises(CertificateError, match=words):
        look(source, out, NOW)
    passing = Passing(timedelta(seconds=5 * AGAIN_S))
    await kept(source, out, passing)
    assert passing.pauses == [AGAIN_S] * 5
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before
    assert [record.levelno for record in caplog.records if "stays as it is" in record.message] == [logging.WARNING]
    assert measured("sunsweep_certificate_stuck") == 1


async def test_a_pair_that_was_met_half_written_is_taken_a_minute_later(
    caddy: tuple[Authority, FromFiles], out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    authority, source = caddy
    old = brought(authority).key.read_bytes()
    look(source, out, NOW)
    whole = brought(authority).key.read_bytes()
    source.key.write_bytes(old)
    passing = Passing(timedelta(seconds=EVERY_S), lambda _: source.key.write_bytes(whole))
    await kept(source, out, passing)
    assert passing.pauses == [AGAIN_S, EVERY_S]
    assert files_in(out).server_key.read_bytes() == whole
    assert "server.crt: good until" in caplog.text
    assert measured("sunsweep_certificate_stuck") == 0
    assert measured("sunsweep_certificate_ends_timestamp_seconds", of="server") == laid(out).not_after.timestamp()


def measured(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def test_a_pair_that_changes_while_it_is_read_is_not_taken(
    caddy: tuple[Authority, FromFiles], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Certificate and key would be of two pairs."""
    authority, source = caddy
    brought(authority)
    look(source, out, NOW)
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    read = Path.read_bytes
    reads: list[Path] = []

    def read_while_another_writes(file: Path) -> bytes:
        content = read(file)
        reads.append(file)
        if reads.count(source.certificate) == 2:
            reads.append(source.certificate)
            brought(authority)
        return content

    monkeypatch.setattr(Path, "read_bytes", read_while_another_writes)
    with pytest.raises(CertificateError, match="somebody is writing it just now"):
        look(source, out, NOW)
    monkeypatch.undo()
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before
    assert look(source, out, NOW).change is Change.RENEWED


@pytest.fixture
async def broker(tmp_path: Path, own: OwnAuthority, out: Path) -> AsyncIterator[tuple[Broker, Place]]:
    """mosquitto with the files that are kept, as EMQX has them: what it has read stays until it is told to look."""
    look(own, out, NOW - 250 * DAY)
    files, port = files_in(out), free_port()
    made = Broker(tmp_path, [("m-one", "secret-one", "scm-1")])
    made.more_listeners = f"listener {port} 127.0.0.1\ncertfile {files.server}\nkeyfile {files.server_key}\n"
    await made.prepare()
    await made.start()
    yield made, Place("127.0.0.1", port, "127.0.0.1")
    await made.stop()


async def shown(place: Place, ca_file: Path) -> Certificate:
    found = await look_at_server(place.host, place.port, ca_file=ca_file)
    assert (found.fault, found.due) == (None, False), found.words
    assert found.certificate is not None
    return found.certificate


async def test_new_connections_meet_the_new_certificate_and_old_ones_live_on(
    broker: tuple[Broker, Place], own: OwnAuthority, out: Path
) -> None:
    mosquitto, place = broker
    ca_file = files_in(out).ca
    before = await shown(place, ca_file)
    trusting = ssl.create_default_context(cafile=ca_file)
    reader, writer = await asyncio.open_connection(place.host, place.port, ssl=trusting)
    name, password = BACKEND
    writer.write(mqtt5.ConnectPacket("old", username=name, password=password.encode()).write())
    assert isinstance(await packet_from(reader), mqtt5.ConnAckPacket)

    renewed = look(own, out, NOW)
    assert renewed.change is Change.RENEWED
    assert await shown(place, ca_file) == before
    mosquitto.reread()
    async with asyncio.timeout(30):
        while (after := await shown(place, ca_file)) == before:
            await asyncio.sleep(0.05)
    assert after.serial == laid(out).serial
    assert after == renewed.found.certificate

    writer.write(mqtt5.PingReqPacket().write())
    async with asyncio.timeout(30):
        assert isinstance(await packet_from(reader), mqtt5.PingRespPacket)
    writer.close()
    await writer.wait_closed()


async def test_that_the_broker_shows_it_is_seen_or_said(
    broker: tuple[Broker, Place], own: OwnAuthority, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    mosquitto, place = broker
    waited: list[float] = []

    async def wait(pause_s: float) -> None:
        waited.append(pause_s)

    renewed = look(own, out, NOW)
    assert not await see(place, renewed.found, out, sleep=wait)
    assert sum(waited) == SHOWN_WITHIN_S
    assert f"127.0.0.1:{place.port} does not show it after 300 s (good until" in caplog.text
    assert "emqx ctl pem_cache clean all" in caplog.text

    async def told(_: float) -> None:
        mosquitto.reread()
        await asyncio.sleep(0.05)

    async with asyncio.timeout(30):
        assert await see(place, renewed.found, out, sleep=told)
    assert f"127.0.0.1:{place.port} shows it" in caplog.text
    await mosquitto.stop()
    assert not await see(place, renewed.found, out, sleep=wait)
    assert "not reached" in caplog.text


async def test_a_renewal_is_looked_for_at_the_broker_and_the_first_one_is_not(
    own: OwnAuthority, out: Path, caplog: pytest.LogCaptureFixture
) -> None:
    nobody = Place("127.0.0.1", free_port(), "127.0.0.1")
    passing = Passing(10 * DAY, speed=24)
    with pytest.raises(EndError):
        await keep(own, out, broker=nobody, clock=passing.clock, sleep=passing.sleep)
    assert set(passing.pauses) == {EVERY_S}
    assert not caplog.records
    late = Passing(timedelta(seconds=SHOWN_WITHIN_S + 1))
    late.now += 250 * DAY
    late._until += 250 * DAY
    with pytest.raises(EndError):
        await keep(own, out, broker=nobody, clock=late.clock, sleep=late.sleep)
    assert "does not show it" in caplog.text


async def test_a_machine_that_enrolled_before_the_renewal_comes_in_after_it(
    broker: tuple[Broker, Place], own: OwnAuthority, out: Path, tmp_path: Path
) -> None:
    """The real program, with what enrolment hands out as the CA."""
    mosquitto, place = broker
    handed_out = await ca_certificate(files_in(out).ca)
    assert handed_out is not None
    (tmp_path / "machine-ca.pem").write_text(handed_out)
    file = tmp_path / "machine.toml"
    file.write_text(
        f'broker = ["mqtts://{place.host}:{place.port}"]\ncompany_id = 1\nmachine_id = "scm-1"\n'
        f'mqtt_username = "m-one"\nmqtt_password = "secret-one"\nca_file = "machine-ca.pem"\n'
        f'state_dir = "{tmp_path / "state"}"\ndriver = "bench"\n'
    )
    file.chmod(0o600)
    (tmp_path / "state").mkdir(mode=0o700)
    renewed = look(own, out, NOW)
    mosquitto.reread()
    async with asyncio.timeout(30):
        while await shown(place, files_in(out).ca) != renewed.found.certificate:
            await asyncio.sleep(0.05)
    checked = await ran(sys.executable, "-m", "sunsweep.machine.main", "check", "--config", str(file))
    assert checked[0] == 0, checked
    assert "the broker knows m-one" in checked[1]
    assert "FAIL" not in checked[1]


async def ran(*command: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
    async with asyncio.timeout(60):
        told, said = await process.communicate()
    return process.returncode, told.decode(), said.decode()


async def test_the_verb_stays_until_it_is_told_to_end(tmp_path: Path) -> None:
    out = tmp_path / "out"
    program = ("-c", "from sunsweep.cli.main import main; main()", "keep-certs")
    port = free_port()
    words = ("--host", "127.0.0.1", "--data", str(tmp_path / "home"), "--out", str(out), "--metrics-port", str(port))
    process = await asyncio.create_subprocess_exec(sys.executable, *program, *words, stderr=PIPE)
    assert process.stderr is not None
    try:
        async with asyncio.timeout(60):
            assert b"server.crt: good until" in await process.stderr.readline()
            assert look_at_pair(files_in(out).server, files_in(out).server_key, ca_file=files_in(out).ca).fault is None
            async with httpx.AsyncClient(verify=False, trust_env=False) as client:
                told = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
            (ends,) = (line.split()[-1] for line in told.splitlines() if 'ends_timestamp_seconds{of="server"}' in line)
            assert float(ends) == laid(out).not_after.timestamp()
            process.terminate()
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def test_once_is_enough_for_a_timetable_of_one_s_own(tmp_path: Path, caddy: tuple[Authority, FromFiles]) -> None:
    authority, source = caddy
    words = ["keep-certs", "--once", "--out", str(tmp_path / "out"), "--host", "sun.example.org"]
    theirs = ["--from", str(source.certificate), "--key", str(source.key)]
    nothing = CliRunner().invoke(cli, [*words, *theirs])
    assert (nothing.exit_code, nothing.stderr) == (1, f"sunsweep: {source.certificate}: No such file or directory\n")
    brought(authority)
    done = CliRunner().invoke(cli, [*words, *theirs])
    assert (done.exit_code, done.stderr) == (0, "")
    assert "good until" in done.stdout
    assert look_at_pair(files_in(tmp_path / "out").server, None, hosts=["sun.example.org"]).fault is None


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--data", "out"], "whoever reads the broker's files would have the authority's key"),
        (["--from", "a.crt"], "--from and --key go together"),
        (["--broker", "mqtt.example.org"], "'mqtt.example.org' is no HOST:PORT"),
        (["--host", "a b"], "'a b' is neither a host name nor an address"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(cli, ["keep-certs", "--once", "--out", "out", "--host", "127.0.0.1", *more])
    assert ended.exit_code == 1
    assert words in ended.stderr
    assert list(tmp_path.iterdir()) == []
