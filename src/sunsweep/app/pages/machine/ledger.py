"""Whether everything that the machine numbered has arrived."""

from typing import Any, Final

import flet as ft

from sunsweep.app.addresses import address
from sunsweep.app.figures.numbers import number
from sunsweep.app.figures.times import instant_of
from sunsweep.app.hooks.reading import use_reading
from sunsweep.app.hooks.watching import use_is_dark
from sunsweep.app.look.parts import GAP, card, empty, named, not_yet, quiet
from sunsweep.app.look.tones import AMBER, GREEN, RED, Tone
from sunsweep.app.model import Model, use_model, watch
from sunsweep.app.pages.machine.accounts import Account, Line, account_of
from sunsweep.app.words import _, ngettext

PACE_S: Final = 15
BOOTS: Final = 20
MOST_BOOTS: Final = 100


@ft.component
def LedgerPart(machine_id: str) -> ft.Control:
    model = use_model()
    session = watch(model.session)
    count, set_count = ft.use_state(BOOTS)

    async def fetch() -> dict[str, Any]:
        return await model.api.ledger(machine_id, limit=count)

    reading = use_reading(fetch, [machine_id, count], every_s=PACE_S, is_kept=True)
    found = reading.found
    if found is None:
        return not_yet(reading.trouble, reading.again, 3, 72)
    now = instant_of(model.server.clock.now_ms())
    accounts = [account_of(boot, now) for boot in found["items"]]
    more = named("ledger-more", ft.TextButton(_("Show older"), on_click=lambda: set_count(MOST_BOOTS)))
    unnumbered = found["unnumbered"]
    return ft.Column(
        [
            *([] if accounts else [_without_numbers(unnumbered)]),
            *(ft.Container(BootCard(one), key=f"boot-{one.boot}") for one in accounts),
            *([more] if found["next_cursor"] and count < MOST_BOOTS else []),
            *([_unnumbered(unnumbered)] if accounts and unnumbered else []),
            *([_refused(model, machine_id)] if session.may_administer else []),
        ],
        spacing=GAP,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


@ft.component
def BootCard(account: Account) -> ft.Control:
    is_dark = use_is_dark()
    lines: list[ft.Control] = []
    if account.missing:
        lines.append(_line(account.missing, ft.Icons.HOURGLASS_EMPTY, AMBER, is_dark=is_dark))
    lines += [_line(line, ft.Icons.UNSUBSCRIBE, AMBER, is_dark=is_dark) for line in account.rejected]
    if account.given_up:
        lines.append(_line(account.given_up, ft.Icons.DELETE_OUTLINE, RED, is_dark=is_dark))
    if not lines:
        lines = [quiet(_("Nothing is missing, nothing was refused."))]
    icon, tone = (ft.Icons.CHECK_CIRCLE, GREEN) if account.is_whole else (ft.Icons.INFO, AMBER)
    head = ft.Row(
        [
            ft.Icon(icon, color=tone.ink.of(dark=is_dark)),
            named(f"boot-{account.boot}", ft.Text(account.title, theme_style=ft.TextThemeStyle.TITLE_MEDIUM)),
            quiet(_("since a start of its program, {days}").format(days=account.days)),
        ],
        spacing=12,
        wrap=True,
        vertical_alignment=ft.CrossAxisAlignment.CENTER,
    )
    return card(head, *lines)


def _line(line: Line, icon: ft.IconData, tone: Tone, *, is_dark: bool) -> ft.Control:
    return ft.Row(
        [
            ft.Icon(icon, size=18, color=tone.ink.of(dark=is_dark)),
            ft.Column(
                [ft.Text(line.words), quiet(_("Numbers {numbers}").format(numbers=line.numbers))],
                spacing=0,
                expand=True,
            ),
        ],
        spacing=12,
        vertical_alignment=ft.CrossAxisAlignment.START,
    )


def _refused(model: Model, machine_id: str) -> ft.Control:
    button = ft.TextButton(
        _("Refused messages of this machine"),
        icon=ft.Icons.UNSUBSCRIBE_OUTLINED,
        on_click=lambda: model.go(address("/dead-letters", machine=machine_id)),
    )
    return ft.Row([named("ledger-refused", button)])


def _without_numbers(unnumbered: int) -> ft.Control:
    if not unnumbered:
        return empty(
            ft.Icons.FACT_CHECK_OUTLINED,
            _("Nothing to account for yet"),
            _("As soon as the machine sends its first measurement, it is counted here."),
        )
    return named(
        "ledger-bare",
        empty(
            ft.Icons.FACT_CHECK_OUTLINED,
            _("This machine numbers nothing"),
            ngettext(
                "{n} measurement of it is here. Because it sends no numbers, nobody can say whether one is missing.",
                "{n} measurements of it are here. Because it sends no numbers, nobody can say whether one is missing.",
                unnumbered,
            ).format(n=number(unnumbered)),
        ),
    )


def _unnumbered(count: int) -> ft.Control:
    return quiet(
        ngettext(
            "{n} more message came without a number: nobody can say whether one of that kind is missing.",
            "{n} more messages came without a number: nobody can say whether one of that kind is missing.",
            count,
        ).format(n=number(count))
    )
