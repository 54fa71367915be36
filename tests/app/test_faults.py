"""What fails in the browser reaches the server's log, and the page lives on."""

from pathlib import Path

import pytest

from tests.app.conftest import Visits
from tests.app.served import Served, served_program
from tests.support.platform import eventually

_APP = """
import asyncio
import flet as ft
from sunsweep import __version__
from sunsweep.app import faults

@ft.component
def fragile():
    count, set_count = ft.use_state(0)
    if count == 1:
        raise ValueError("cannot be drawn")
    return ft.Semantics(
        identifier="fragile", content=ft.Button(f"drawn {count}", on_click=lambda: set_count(count + 1)))

@ft.component
def steady():
    count, set_count = ft.use_state(0)
    return ft.Semantics(
        identifier="steady", content=ft.Button(f"steady {count}", on_click=lambda: set_count(count + 1)))

def in_handler():
    raise KeyError("in a handler")

async def lost():
    raise OSError("in a task")

async def in_task():
    asyncio.get_running_loop().call_soon(in_callback)

def in_callback():
    raise OSError("in a callback")

@ft.component
def root():
    def effect():
        raise RuntimeError("in an effect")
    ft.use_effect(effect, [])
    return ft.Column([
        fragile(),
        steady(),
        ft.Semantics(identifier="handler", content=ft.Button("handler", on_click=in_handler)),
        ft.Semantics(identifier="task", content=ft.Button("task", on_click=in_task)),
    ])

def main(page):
    page.render(root)

ft.run(main, before_main=faults.watch)
"""


async def heard(served: Served, words: str) -> dict[str, str]:
    async def found() -> dict[str, str] | None:
        return next((fault for fault in served.faults if words in fault["message"]), None)

    fault: dict[str, str] = await eventually(found, within_s=20)
    assert fault["page"] == "/app/machines/SUN-0001"
    return fault


async def test_what_fails_is_told_and_the_page_lives_on(visits: Visits, built: Path, tmp_path: Path) -> None:
    async with served_program(built, tmp_path, _APP) as served, visits(locale="en-GB") as visitor:
        visitor.expected.append("^console: ")  # Python's own words of it
        page = await visitor.open("/app/machines/SUN-0001?span=1h", served.url)
        assert "in effect" in (await heard(served, "in an effect"))["traceback"]
        await page.click("handler")
        assert "/sunsweep/program/sunsweep/app/main.py" in (await heard(served, "in a handler"))["traceback"]
        await page.click("task")
        await heard(served, "in a callback")
        await page.click("fragile")
        assert "fragile" in (await heard(served, "cannot be drawn"))["traceback"]
        await page.click("steady")
        await page.says("steady 1")


@pytest.mark.prove
async def test_of_many_faults_the_first_five_are_told(visits: Visits, built: Path, tmp_path: Path) -> None:
    async with served_program(built, tmp_path, _APP) as served, visits(locale="en-GB") as visitor:
        visitor.expected.append("^console: ")  # Python's own words of it
        page = await visitor.open("/app/machines/SUN-0001", served.url)
        for _ in range(7):
            await page.click("handler")
        await page.click("steady")
        await page.says("steady 1")
        assert len(served.faults) == 5


@pytest.mark.prove
async def test_a_program_that_cannot_start_is_told_and_said(visits: Visits, built: Path, tmp_path: Path) -> None:
    async with served_program(built, tmp_path, "import nothing_of_that_name") as served, visits() as visitor:
        visitor.expected.append("^console: ")  # Python's own words of it
        page = await visitor.page(served.url)
        await page.goto(f"{served.url}/app/machines/SUN-0001", wait_until="commit")
        await heard(served, "nothing_of_that_name")
        assert "could not start" in await page.inner_text("#boot")


async def test_a_first_page_that_fails_is_told_and_said(visits: Visits, built: Path, tmp_path: Path) -> None:
    failing = _APP.replace("page.render(root)", "raise LookupError('nothing to show')")
    async with served_program(built, tmp_path, failing) as served, visits() as visitor:
        visitor.expected.append("^console: ")  # Python's own words of it
        page = await visitor.page(served.url)
        await page.goto(f"{served.url}/app/machines/SUN-0001", wait_until="commit")
        await heard(served, "nothing to show")
        assert "could not start" in await page.inner_text("#boot")
