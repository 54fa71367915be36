"""From "Add a machine" to its first value on the screen, with the machine's own program; then language and password."""

import sys
from pathlib import Path

from tests.app.browser import Visitor
from tests.app.flutter import Flutter
from tests.support.command import Site, ended_program, running
from tests.support.platform import eventually

MACHINE = str(Path(sys.executable).with_name("sunsweep-machine"))
ALIVE_WITHIN_S = 60.0
ADMIN = "admin@example.com"


async def told(page: Flutter, identifier: str, words: str, *, within_s: float = 20.0) -> None:
    """Until the widget says this."""

    async def says() -> bool:
        found = await page.look(identifier)
        return found is not None and words in found["text"]

    await eventually(says, within_s=within_s)


async def test_a_machine_is_added_and_comes_alive(visitor: Visitor, up: Site, tmp_path: Path) -> None:
    page = await visitor.open("/app/machines/new")
    visitor.expected += ["401", "422"]
    await page.sign_in(ADMIN, up.passwords()[ADMIN])

    await page.click("add-machine", within_s=60)
    await page.says("1 to 64 letters")
    await page.type("machine-machine-id", "NEW-1")
    await page.click("model-simulated")
    await page.click("add-machine")
    code = await page.text("code")
    assert page.page.url == f"{up.url}/app/machines/NEW-1/welcome"
    command = await page.text("enrol-command")
    assert f"enroll --server {up.url} --code {code} " in command
    assert (await page.text("broker-0")) == f"mqtt://127.0.0.1:{up.mqtt_port}"
    assert (await page.text("topic-telemetry")) == "company/1/machine/NEW-1/telemetry"
    await told(page, "code-life", "59 minutes")
    await told(page, "step-enrolled", "Waiting")

    config = tmp_path / "machine.toml"
    enrolled = await ended_program(MACHINE, "enroll", "--server", up.url, "--code", code, "--config", str(config))
    assert enrolled.code == 0, enrolled.err
    await told(page, "step-enrolled", "Enrolled")
    await told(page, "step-connected", "Waiting")
    async with running("run", "--config", str(config), program=MACHINE):
        await told(page, "step-connected", "Connected", within_s=ALIVE_WITHIN_S)
        await told(page, "step-first-status", "First status", within_s=ALIVE_WITHIN_S)
        await told(page, "step-first-measurement", "First measurement", within_s=ALIVE_WITHIN_S)
        await told(page, "value-battery", "V")
        await page.says("It is alive")

    await page.click("go-settings")
    await told(page, "account-email", ADMIN)
    await page.type("password-old", "not this one")
    await page.type("password-new", "a long new password")
    await page.type("password-again", "a long new passport")
    await page.click("password-change")
    await page.says("These two are not the same.")
    await page.type("password-again", "a long new password")
    await page.click("password-change")
    await told(page, "password-said", "password")
    await page.click("language-es")
    await page.says("Idioma y aspecto")
    await page.reload()
    await page.says("Idioma y aspecto")
