"""A Flutter page as a person uses it: found by its semantics, clicked and typed into where it is drawn."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from playwright.async_api import Error, Page

from tests.support.platform import eventually

USABLE_WITHIN_S: Final = 60.0
"""A ceiling for a machine that does other things too; `bench/app.py` measures it."""

_FIND: Final = """identifier => {
    const node = document.querySelector(`[flt-semantics-identifier="${CSS.escape(identifier)}"]`);
    if (!node) return null;
    const box = node.getBoundingClientRect();
    const field = node.matches("input, textarea") ? node : node.querySelector("input, textarea");
    return {
        x: box.x + box.width / 2, y: box.y + box.height / 2, width: box.width, height: box.height,
        text: (node.getAttribute("aria-label") ?? node.innerText ?? "").trim(), value: field ? field.value : null,
        focused: field !== null && field === document.activeElement,
    };
}"""
_TEXTS: Final = """() => [...document.querySelectorAll("flt-semantics, flt-semantics *")]
    .map(node => node.getAttribute("aria-label") ?? (node.children.length ? "" : node.textContent))
    .map(text => text.trim()).filter(text => text)"""


class Flutter:
    """One page. Everything is asked by `evaluate`: the page's policy forbids what Playwright would wait with."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def open(self, url: str) -> None:
        """Load an address until the app is there, and have Flutter build its semantics."""
        await self.page.goto(url, wait_until="commit")
        await self.usable()

    async def reload(self) -> None:
        await self.page.reload(wait_until="commit")
        await self.usable()

    async def usable(self) -> None:
        """Until the first page of the app is drawn."""

        async def is_there() -> bool:
            return bool(await self._evaluate("document.readyState !== 'loading' && !document.getElementById('boot')"))

        await eventually(is_there, within_s=USABLE_WITHIN_S)
        await self.semantics()

    async def semantics(self) -> None:
        """Flutter builds what a screen reader reads once somebody asks for it."""

        async def is_built() -> bool:
            await self._evaluate("document.querySelector('flt-semantics-placeholder')?.click()")
            return bool(await self._evaluate("document.querySelector('flt-semantics') !== null"))

        await eventually(is_built, within_s=20)

    async def find(self, identifier: str, *, within_s: float = 20.0) -> dict[str, Any]:
        """Where a widget is, in CSS pixels, its `text`, the `value` of its field, and whether that has the focus."""

        async def found() -> Any:
            return await self.look(identifier)

        return dict(await eventually(found, within_s=within_s))

    async def look(self, identifier: str) -> dict[str, Any] | None:
        """As `find`, now."""
        widget: dict[str, Any] | None = await self._evaluate(_FIND, identifier)
        return widget

    async def gone(self, identifier: str, *, within_s: float = 20.0) -> None:
        async def is_gone() -> bool:
            return await self.look(identifier) is None

        await eventually(is_gone, within_s=within_s)

    async def text(self, identifier: str) -> str:
        return str((await self.find(identifier))["text"])

    async def says(self, words: str, *, within_s: float = 20.0) -> None:
        """Until these words stand somewhere on the page."""

        async def said() -> bool:
            return any(words in text for text in await self.texts())

        try:
            await eventually(said, within_s=within_s)
        except AssertionError as error:
            raise AssertionError(f"nowhere {words!r}: {await self.texts()}") from error

    async def texts(self) -> list[str]:
        """All that a screen reader finds, from top to bottom of the tree."""
        texts: list[str] = await self._evaluate(_TEXTS) or []
        return texts

    async def click(self, identifier: str, *, within_s: float = 20.0) -> None:
        """Where it is drawn, as soon as it has stopped moving."""
        box = await self.find(identifier, within_s=within_s)

        async def is_still() -> bool:
            nonlocal box
            before, box = box, await self.find(identifier)
            return all(before[side] == box[side] for side in ("x", "y", "width", "height"))

        await eventually(is_still)
        await self.page.mouse.click(box["x"], box["y"])

    async def opens(self, identifier: str, opened: str) -> None:
        """Click until the other widget is there: a click on what is just being laid out anew meets nobody."""

        async def is_there() -> bool:
            if await self.look(opened) is None:
                await self.click(identifier)
            return await _soon(lambda: self._is_there(opened))

        await eventually(is_there, within_s=60)

    async def _is_there(self, identifier: str) -> bool:
        return await self.look(identifier) is not None

    async def type(self, identifier: str, text: str) -> None:
        """Replace what a field holds; typed again where Flutter was not listening yet."""

        async def holds() -> bool:
            await self.click(identifier)
            if not await _soon(self._has_focus(identifier)):
                return False
            await self.page.keyboard.press("ControlOrMeta+a")
            await self.page.keyboard.type(text)
            return await _soon(self._holds(identifier, text))

        try:
            await eventually(holds, within_s=90)
        except AssertionError as error:
            error.add_note(f"{identifier}: {await self.look(identifier)}; the page says {await self.texts()}")
            raise

    async def sign_in(self, email: str, password: str) -> None:
        """By the login page's form; what comes after it is the test's to wait for."""
        await self.type("login-email", email)
        await self.type("login-password", password)
        await self.click("login-go")

    def reads(self, identifier: str, pattern: str) -> Callable[[], Awaitable[bool]]:
        """Whether the widget's text fits a regular expression."""

        async def fits() -> bool:
            found = await self.look(identifier)
            return found is not None and re.search(pattern, found["text"]) is not None

        return fits

    def _has_focus(self, identifier: str) -> Callable[[], Awaitable[bool]]:
        async def has() -> bool:
            return bool((await self.find(identifier))["focused"])

        return has

    def _holds(self, identifier: str, text: str) -> Callable[[], Awaitable[bool]]:
        async def holds() -> bool:
            return bool((await self.find(identifier))["value"] == text)

        return holds

    async def _evaluate(self, script: str, value: Any = None) -> Any:
        """None where the page goes away meanwhile."""
        try:
            return await self.page.evaluate(script, value)
        except Error as error:
            if "context was destroyed" in error.message or "navigat" in error.message:
                return None
            raise


async def _soon(check: Callable[[], Awaitable[bool]]) -> bool:
    for _ in range(60):
        if await check():
            return True
        await asyncio.sleep(0.05)
    return False
