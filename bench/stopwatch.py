"""A stopwatch inside the page: from a click, or from nothing, until what stands on the screen has changed.

Flutter draws on a canvas; in the same frame it writes what it drew into its accessibility tree, which is looked at
here. The time is that of the frame after the change: by then it is on the screen.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from tests.app.flutter import Flutter
from tests.support.platform import eventually

ANSWERED_WITHIN_S: Final = 60.0
"""A ceiling, not an aim."""

_WATCH: Final = """() => {
    if (globalThis.bench) return;
    const find = identifier => document.querySelector(`[flt-semantics-identifier="${CSS.escape(identifier)}"]`);
    const own = node => ["aria-label", "aria-selected", "aria-current", "aria-checked", "aria-valuetext"]
        .map(name => node.getAttribute(name) ?? "").join(" ");
    const words = identifier => {
        const node = find(identifier);
        if (!node) return null;
        const inside = [...node.querySelectorAll("*")]
            .map(one => own(one) + (one.children.length ? "" : " " + one.textContent));
        return [own(node), node.children.length ? "" : node.textContent, ...inside].join(" ")
            .replace(/\\s+/g, " ").trim();
    };
    const bench = globalThis.bench = {down: null, wanted: null, answer: null, watched: null, seen: []};
    const met = ({identifier, kind, before}) =>
        kind === "comes" ? find(identifier) !== null
            : kind === "goes" ? find(identifier) === null : words(identifier) !== before;
    const look = () => {
        if (bench.wanted && bench.down !== null && met(bench.wanted)) {
            const down = bench.down;
            bench.wanted = bench.down = null;
            requestAnimationFrame(() => bench.answer = performance.now() - down);
        }
        if (bench.watched) {
            const now = words(bench.watched);
            if (now !== null && now !== bench.last) {
                bench.last = now;
                requestAnimationFrame(() => bench.seen.push([performance.timeOrigin + performance.now(), now]));
            }
        }
    };
    new MutationObserver(look).observe(document.body,
        {subtree: true, childList: true, attributes: true, characterData: true});
    addEventListener("pointerdown", event => { if (bench.wanted) bench.down = event.timeStamp; }, true);
    bench.want = (identifier, kind) => {
        bench.answer = bench.down = null;
        bench.wanted = {identifier, kind, before: words(identifier)};
    };
    bench.watch = identifier => {
        bench.watched = identifier;
        bench.last = identifier === null ? null : words(identifier);
        bench.seen = [];
    };
}"""


@dataclass(frozen=True)
class Seen:
    """What a widget says from this time on (seconds since 1970)."""

    at_s: float
    words: str


class Stopwatch:
    """For one page; `start` once it is usable."""

    def __init__(self, flutter: Flutter) -> None:
        self._flutter = flutter
        self._page = flutter.page

    async def start(self) -> None:
        await self._page.evaluate(_WATCH)

    async def click(self, identifier: str, answer: str, kind: str) -> float:
        """Milliseconds from the button's going down until `answer` `comes`, `goes` or `changes`."""
        box = await self._flutter.find(identifier)
        await self._page.evaluate("([answer, kind]) => bench.want(answer, kind)", [answer, kind])
        await self._page.mouse.click(box["x"], box["y"])

        async def answered() -> Any:
            return await self._page.evaluate("() => bench.answer")

        return float(await eventually(answered, within_s=ANSWERED_WITHIN_S))

    async def watch(self, identifier: str) -> None:
        await self._flutter.find(identifier)
        await self._page.evaluate("identifier => bench.watch(identifier)", identifier)

    async def seen(self) -> list[Seen]:
        """What the watched widget has said since `watch`, and when; it is watched no more."""
        found = await self._page.evaluate("() => { const seen = bench.seen; bench.watch(null); return seen; }")
        return [Seen(at_ms / 1000, words) for at_ms, words in found]

    async def rest(self, seconds: float = 0.4) -> None:
        """Until what a click has set off is over: dialogs fade, charts load."""
        await asyncio.sleep(seconds)
