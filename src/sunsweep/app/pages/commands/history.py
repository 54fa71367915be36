"""All commands of a company: what is under way on top, below it what is over."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

import flet as ft

from sunsweep.app.addresses import address, asked
from sunsweep.app.hooks.components import keyed
from sunsweep.app.hooks.keeping import use_made, use_redraw
from sunsweep.app.hooks.tasks import use_running
from sunsweep.app.live.fleet import Change
from sunsweep.app.look.chips import chip
from sunsweep.app.look.commands import state_words
from sunsweep.app.look.lists import framed, paging
from sunsweep.app.look.parts import empty, failed, heading, loading, named, quiet, section
from sunsweep.app.model import Model, Width, use_model, watch
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.pages.commands.given import OVER, UNDER_WAY, Book
from sunsweep.app.pages.commands.rows import CommandRow
from sunsweep.app.pages.commands.run_rows import RunRow
from sunsweep.app.pages.commands.tally import Run, run
from sunsweep.app.trouble import in_words
from sunsweep.app.words import _

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE: Final = 50
SETTLE_S: Final = 1.5
"""News come in bursts: the lists are read again once for all of them."""


class Lists:
    """What the page shows, read from the API and followed by the fleet's frames."""

    def __init__(self, model: Model) -> None:
        self.book = Book()
        self.runs: tuple[Run, ...] = ()
        self.is_read = False
        self.older = ""
        self.trouble = ""
        self.draw: Callable[[], None] = lambda: None
        self._model = model
        self._state = ""
        self._before = ""
        self._stale = asyncio.Event()
        self._stop_following: Callable[[], None] = lambda: None

    def look_at(self, state: str, before: str) -> None:
        """Another filter or page."""
        if (state, before) != (self._state, self._before):
            self._state, self._before = state, before
            self.book.past = ()
            self._stale.set()

    def read_again(self) -> None:
        self.trouble = ""
        self.draw()
        self._stale.set()

    async def run(self) -> None:
        """Until it is cancelled, when the page is left."""
        self._stop_following = self._model.fleet.listen(self._told)
        self._stale.set()
        try:
            while True:
                await self._stale.wait()
                self._stale.clear()
                await self._read()
                self.draw()
                await asyncio.sleep(SETTLE_S if self.is_read and not self.trouble else 0)
        finally:
            self._stop_following()

    def _told(self, change: Change) -> None:
        machines = self._model.fleet.machines
        for machine_id in change.machine_ids:
            machine = machines.get(machine_id)
            if machine is not None and self.book.follow(machine.commands):
                self._stale.set()

    async def _read(self) -> None:
        api = self._model.api
        asked = (self._state, self._before)
        states = [self._state] if self._state else list(OVER)
        try:
            waiting, stops, past, runs = await asyncio.gather(
                api.company_commands(states=UNDER_WAY, limit=PAGE),
                api.company_commands(open_=True, limit=PAGE),
                api.company_commands(states=states, cursor=self._before, limit=PAGE),
                api.bulk_runs(limit=10),
            )
        except (Refused, Away) as trouble:
            self.trouble = in_words(trouble)
            return
        if asked != (self._state, self._before):
            return
        self.book.take_under_way([*stops.items, *waiting.items])
        self.book.take_past(past.items)
        self.older = past.next_cursor or ""
        # One that ends stays where it is, like its commands, until the page is opened again.
        shown = {one.id for one in self.runs}
        self.runs = tuple(one for one in map(run, runs.items) if not one.is_over or one.id in shown)
        self.trouble = ""
        self.is_read = True


def _query(route: str) -> tuple[str, str]:
    state = asked(route, "state")
    return state if state in set(OVER) else "", asked(route, "before")


def _address(state: str, before: str = "") -> str:
    return address("/commands", state=state, before=before)


@ft.component
def CommandsPage() -> ft.Control:
    model = use_model()
    session, window = watch(model.session), watch(model.window)
    lists = use_made(lambda: Lists(model))
    state, before = _query(model.page.route or "")
    lists.draw = use_redraw()
    use_running(lists.run)
    ft.use_effect(lambda: lists.look_at(state, before), [state, before])

    is_phone = window.width is Width.PHONE
    actions: list[ft.Control] = [
        named(
            "commands-runs",
            ft.TextButton(
                _("Runs") if is_phone else _("Runs over many machines"),
                icon=ft.Icons.LAYERS_OUTLINED,
                on_click=lambda: model.go("/commands/runs"),
            ),
        )
    ]
    if session.may_command:
        actions.append(
            named(
                "commands-new",
                ft.FilledTonalButton(
                    _("Command for many"), icon=ft.Icons.ADD, on_click=lambda: model.go("/commands/new")
                ),
            )
        )
    title = heading(_("Commands"))
    head = (
        ft.Column([title, ft.Row(actions, wrap=True, spacing=8)], spacing=6)
        if is_phone
        else ft.Row([ft.Container(title, expand=True), *actions])
    )
    return named(
        "page-commands",
        ft.Column([head, *_body(model, lists, state, before)], spacing=12, expand=True, scroll=ft.ScrollMode.AUTO),
    )


def _body(model: Model, lists: Lists, state: str, before: str) -> list[ft.Control]:
    if lists.trouble and not lists.is_read:
        return [failed(lists.trouble, lists.read_again)]
    if not lists.is_read:
        return [loading()]
    book = lists.book
    parts: list[ft.Control] = []
    if lists.trouble:
        parts.append(ft.Text(lists.trouble, color=ft.Colors.ERROR))
    if not before:
        parts.append(section(_("Under way")))
        rows: list[ft.Control] = [keyed(RunRow, f"run-{one.id}")(one) for one in lists.runs]
        rows += [keyed(CommandRow, one)(book.items[one]) for one in book.under_way]
        parts.append(framed("commands-open", rows) if rows else quiet(_("Nothing is under way.")))
    parts.append(section(_("Ended")))
    parts.append(_filter(model, state))
    past: list[ft.Control] = [keyed(CommandRow, one)(book.items[one]) for one in book.past]
    if past:
        parts.append(framed("commands-over", past))
    elif not before and not state and not book.under_way:
        parts.append(
            empty(
                ft.Icons.SEND_OUTLINED,
                _("No command yet"),
                _("Open a machine to give it a command, or give one to many machines at once."),
            )
        )
    else:
        parts.append(quiet(_("No such command.")))
    newest, older = (_address(state) if before else ""), (_address(state, lists.older) if lists.older else "")
    parts.append(paging(model, newest, older))
    return parts


def _filter(model: Model, state: str) -> ft.Control:
    choices = [("", _("All")), *((one, state_words(one)) for one in OVER)]
    return ft.Row(
        [
            chip(
                f"over-{value or 'all'}",
                words,
                is_chosen=value == state,
                on_select=partial(model.go, _address(value)),
            )
            for value, words in choices
        ],
        scroll=ft.ScrollMode.AUTO,
        spacing=8,
    )
