"""Refused messages: why, from whom, what is in them, and feeding them in again."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Final

import flet as ft

from sunsweep.app.hooks.components import keyed
from sunsweep.app.hooks.reading import use_reading
from sunsweep.app.look.asking import Act, use_question
from sunsweep.app.look.lists import PAGE, admins_only, choice, framed, paging, sought
from sunsweep.app.look.parts import empty, heading, named, not_yet, quiet
from sunsweep.app.look.refusals import MESSAGES, message_words
from sunsweep.app.model import Model, use_model, watch
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.pages.dead_letters.letters import Letter, Outcome, Wish, letter, outcome, wish_of
from sunsweep.app.pages.dead_letters.row import LetterRow
from sunsweep.app.words import _, ngettext

LOOK_AGAIN_S: Final = 1.5
LOOKS: Final = 14
"""Messages are fed in within seconds; one that takes longer is told of as waiting."""
_LOOKED_THROUGH: Final = 500
_PAGES: Final = 4

Found = tuple[list[Letter], str]


@ft.component
def DeadLettersPage() -> ft.Control:
    model = use_model()
    session = watch(model.session)
    if not session.may_administer:
        return admins_only()
    return Letters()


@ft.component
def Letters() -> ft.Control:
    model = use_model()
    company = watch(model.company)
    ft.use_route_location()
    wish = wish_of(model.page.route or "", MESSAGES)
    ask = use_question()
    told, tell = ft.use_state("")

    async def read() -> Found:
        page = await model.api.dead_letters(
            machine_id=wish.machine_id or None, reason=wish.reason or None, cursor=wish.before, limit=PAGE
        )
        return [letter(item) for item in page.items], page.next_cursor or ""

    reading = use_reading(read, [company.id, wish])

    async def feed(ids: tuple[int, ...]) -> None:
        done = await model.api.replay_dead_letters({"ids": list(ids)})
        tell(_told(Outcome(0, 0, done["asked"])))
        await reading.again()
        # A task of the page's own: it ends well, wherever the person has gone meanwhile.
        model.page.run_task(follow, ids)

    async def follow(ids: tuple[int, ...]) -> None:
        for _look in range(LOOKS):
            await asyncio.sleep(LOOK_AGAIN_S)
            try:
                now = outcome(ids, await _still_there(model, ids))
            except (Refused, Away):
                continue
            tell(_told(now))
            if not now.waiting:
                break
        await reading.again()

    found = reading.found
    parts: list[ft.Control] = [
        heading(_("Refused messages")),
        quiet(_("What machines sent and the platform could not store. Nothing is lost while it stands here.")),
        _filters(model, wish),
    ]
    if told:
        parts.append(_notice(told))
    if found is None:
        parts.append(not_yet(reading.trouble, reading.again))
    else:
        parts += _list(model, wish, found, lambda ids: ask(_feeding_in(ids, feed)))
    return named("page-dead-letters", ft.Column(parts, spacing=12, expand=True, scroll=ft.ScrollMode.AUTO))


def _feeding_in(ids: tuple[int, ...], feed: Callable[[tuple[int, ...]], Awaitable[None]]) -> Act:
    count = len(ids)
    return Act(
        "feed-in",
        ngettext("Feed {n} message in again?", "Feed {n} messages in again?", count).format(n=count),
        _(
            "The platform tries once more to store what the machines sent. "
            "What it still cannot take stays here, with its reason."
        ),
        _("Feed in again"),
        _("Leave as it is"),
        partial(feed, ids),
    )


def _notice(words: str) -> ft.Control:
    return ft.Container(
        named("feed-in-told", ft.Text(words, color=ft.Colors.ON_SECONDARY_CONTAINER)),
        bgcolor=ft.Colors.SECONDARY_CONTAINER,
        border_radius=12,
        padding=12,
    )


def _filters(model: Model, wish: Wish) -> ft.Control:
    return ft.Row(
        [
            sought(
                "letters-machine",
                _("Serial number"),
                wish.machine_id,
                lambda text: model.go(replace(wish, machine_id=text, before="").address),
            ),
            choice(
                "letters-reason",
                _("All reasons"),
                wish.reason,
                [(reason, message_words(reason)) for reason in MESSAGES],
                lambda reason: model.go(replace(wish, reason=reason, before="").address),
            ),
        ],
        wrap=True,
        spacing=10,
        run_spacing=8,
    )


def _list(model: Model, wish: Wish, found: Found, ask: Callable[[tuple[int, ...]], None]) -> list[ft.Control]:
    letters, older = found
    if not letters:
        if wish == Wish():
            return [
                empty(
                    ft.Icons.MARK_EMAIL_READ_OUTLINED,
                    _("No message was refused"),
                    _("Everything that machines sent is stored."),
                )
            ]
        everything = named(
            "letters-all", ft.FilledTonalButton(_("Show all"), on_click=lambda: model.go(Wish().address))
        )
        return [empty(ft.Icons.FILTER_ALT_OFF_OUTLINED, _("No such message"), _("The filters leave none."), everything)]
    ids = tuple(one.id for one in letters if one.can_be_fed_in)
    n = len(ids)
    words = ngettext("Feed in {n} message of this page", "Feed in {n} messages of this page", n).format(n=n)
    actions: list[ft.Control] = []
    if ids:
        actions.append(named("feed-in-all", ft.OutlinedButton(words, icon=ft.Icons.REPLAY, on_click=lambda: ask(ids))))
    rows = [keyed(LetterRow, f"{one.id}-{one.replay_at}-{one.reason}")(one, partial(ask, (one.id,))) for one in letters]
    newest = replace(wish, before="").address if wish.before else ""
    return [
        ft.Row(actions, wrap=True),
        framed("letters", rows),
        paging(model, newest, replace(wish, before=older).address if older else ""),
    ]


async def _still_there(model: Model, ids: tuple[int, ...]) -> list[Letter]:
    """Those of `ids` that are dead letters, whatever their reason is by now."""
    found: list[Letter] = []
    cursor = str(max(ids) + 1)
    for _page in range(_PAGES):
        page = await model.api.dead_letters(cursor=cursor, limit=_LOOKED_THROUGH)
        found += [letter(item) for item in page.items]
        if page.next_cursor is None or int(page.next_cursor) <= min(ids):
            break
        cursor = page.next_cursor
    return found


def _told(now: Outcome) -> str:
    parts: list[str] = []
    if now.stored:
        parts.append(
            ngettext("{n} message is stored now.", "{n} messages are stored now.", now.stored).format(n=now.stored)
        )
    if now.refused:
        parts.append(
            ngettext("{n} message was refused again.", "{n} messages were refused again.", now.refused).format(
                n=now.refused
            )
        )
    if now.waiting:
        parts.append(
            ngettext("{n} message is being fed in.", "{n} messages are being fed in.", now.waiting).format(
                n=now.waiting
            )
        )
    return " ".join(parts)
