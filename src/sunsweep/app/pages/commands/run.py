"""One run over many machines, followed until the last of them has answered."""

import flet as ft

from sunsweep.app.addresses import address, asked
from sunsweep.app.figures.numbers import number
from sunsweep.app.figures.times import instant_of, moment
from sunsweep.app.hooks.components import keyed
from sunsweep.app.hooks.keeping import use_made, use_redraw
from sunsweep.app.hooks.tasks import use_running
from sunsweep.app.hooks.watching import use_is_dark
from sunsweep.app.look.asking import Act, use_question
from sunsweep.app.look.chips import chip
from sunsweep.app.look.command_marks import command_ink, command_mark
from sunsweep.app.look.commands import order_words
from sunsweep.app.look.lists import framed
from sunsweep.app.look.parameter_words import params_words
from sunsweep.app.look.parts import back, card, empty, heading, named, not_yet, quiet
from sunsweep.app.look.when import When
from sunsweep.app.model import Model, Width, use_model, watch
from sunsweep.app.pages.commands.following import Following, PartNow, RunNow
from sunsweep.app.pages.commands.rows import ELLIPSIS, machine_name
from sunsweep.app.pages.commands.run_rows import LOOKS, bar, share_ink, standing
from sunsweep.app.pages.commands.tally import (
    Run,
    Share,
    machines_words,
    run,
    share_words,
    target_words,
)
from sunsweep.app.words import _, isolate, listed, ngettext


def _query(route: str) -> tuple[str, str]:
    share = asked(route, "show")
    return share if share in set(Share) else "", asked(route, "after")


def _address(run_id: str, share: str, after: str = "") -> str:
    return address(f"/commands/runs/{run_id}", show=share, after=after)


@ft.component
def RunPage() -> ft.Control:
    run_id = ft.use_route_params().get("run_id", "")
    return keyed(RunView, run_id)(run_id)


@ft.component
def RunView(run_id: str) -> ft.Control:
    model = use_model()
    watch(model.session)
    ft.use_route_location()
    share, after = _query(model.page.route or "")
    following = use_made(lambda: Following(model, run_id))
    following.draw = use_redraw()
    use_running(following.run)
    ft.use_effect(lambda: following.look_at(share, after), [share, after])
    if following.now.is_missing:
        return _missing(model)
    rows: list[ft.Control] = [keyed(PartRow, one)(following.parts[one]) for one in following.order]
    body: list[ft.Control] = []
    if following.is_listed:
        body = [
            framed("run-machines", rows) if rows else quiet(_("No machine here.")),
            _paging(model, run_id, share, after, following),
        ]
    return named(
        "page-run",
        ft.Column([Head(following.now, following, share), *body], spacing=12, expand=True, scroll=ft.ScrollMode.AUTO),
    )


def _missing(model: Model) -> ft.Control:
    return named(
        "run-missing",
        empty(
            ft.Icons.SEARCH_OFF,
            _("There is no such run"),
            _("It may belong to another company, or its address was not copied as a whole."),
            named("go-runs", ft.FilledButton(_("To the runs"), on_click=lambda: model.go("/commands/runs"))),
        ),
    )


def _paging(model: Model, run_id: str, share: str, after: str, following: Following) -> ft.Control:
    steps: list[ft.Control] = []
    if after:
        first = _address(run_id, share)
        steps.append(named("page-first", ft.OutlinedButton(_("First machines"), on_click=lambda: model.go(first))))
    if following.next_cursor:
        further = _address(run_id, share, following.next_cursor)
        steps.append(named("page-next", ft.OutlinedButton(_("More machines"), on_click=lambda: model.go(further))))
    return ft.Row(steps, alignment=ft.MainAxisAlignment.CENTER)


@ft.component
def Head(now: RunNow, following: Following, share: str) -> ft.Control:
    """How far it has come, and the way to end it."""
    model = use_model()
    is_phone = watch(model.window).width is Width.PHONE
    is_dark = use_is_dark()
    of = now.run
    if of is None:
        return not_yet(now.trouble, following.ask_now)
    title = listed([order_words(of.command), machines_words(of.machines)])
    acts: list[ft.Control] = [Abort(of, following)] if model.session.may_command and of.may_abort else []
    who = _("by {person}, {time}").format(
        person=isolate(of.by), time=moment(of.issued_at, instant_of(model.server.clock.now_ms()))
    )
    facts = [who]
    if of.params:
        facts.insert(0, params_words(of.params))
    if of.stages > 1:
        facts.append(_("{n} at a time").format(n=number(of.stage_size)))
    if of.abort_after is not None:
        facts.append(_("ends after {n} that did not do it").format(n=number(of.abort_after)))
    name = ft.Container(heading(title), expand=True)
    line = ft.Row([back(lambda: model.go("/commands/runs")), name, *([] if is_phone else acts)])
    return ft.Column(
        [
            line,
            card(
                named("run-standing", ft.Text(standing(of), theme_style=ft.TextThemeStyle.TITLE_MEDIUM)),
                bar(of, is_dark=is_dark, height=12),
                _shares(model, of, share, is_dark=is_dark),
                quiet(listed(facts)),
                *([ft.Text(now.trouble, color=ft.Colors.ERROR)] if now.trouble else []),
                *(acts if is_phone else []),
            ),
        ],
        spacing=12,
        tight=True,
    )


def _shares(model: Model, of: Run, chosen: str, *, is_dark: bool) -> ft.Control:
    """Numbers that filter."""

    def share_chip(share: str, words: str, count: int, icon: ft.Icon | None) -> ft.Control:
        return chip(
            f"show-{share or 'all'}",
            f"{words} {number(count)}",
            is_chosen=share == chosen,
            on_select=lambda: model.go(_address(of.id, share)),
            icon=icon,
        )

    shares = [
        share_chip(
            share,
            share_words(share),
            of.share(share),
            ft.Icon(LOOKS[share][1], size=18, color=share_ink(share, is_dark=is_dark)),
        )
        for share in Share
    ]
    return ft.Row([share_chip("", _("All"), of.machines, None), *shares], spacing=8, run_spacing=8, wrap=True)


@ft.component
def PartRow(now: PartNow) -> ft.Control:
    """One machine of the run."""
    model = use_model()
    is_phone = watch(model.window).width is Width.PHONE
    is_dark = use_is_dark()
    part = now.part
    name = machine_name(model, part.machine_id)
    first = ft.Text(
        isolate(name or part.machine_id), weight=ft.FontWeight.W_500, no_wrap=True, overflow=ELLIPSIS, expand=True
    )
    words = target_words(part.state, part.reason)
    said = ft.Text(
        words,
        color=command_ink(part.state, is_dark=is_dark),
        # A row of one height on wide screens: nothing below it moves when its reason comes.
        max_lines=3 if is_phone else 1,
        overflow=ELLIPSIS,
        tooltip=None if is_phone else words,
    )
    when: list[ft.Control] = [keyed(When, part.changed_at.isoformat())(part.changed_at)] if part.changed_at else []
    mark = command_mark(part.state, is_dark=is_dark)
    if is_phone:
        content = ft.Row(
            [mark, ft.Column([ft.Row([first, *when], spacing=8), said], spacing=1, expand=True, tight=True)],
            spacing=12,
            vertical_alignment=ft.CrossAxisAlignment.START,
        )
    else:
        serial = ft.Text(
            isolate(part.machine_id) if name else "", color=ft.Colors.ON_SURFACE_VARIANT, width=110, no_wrap=True
        )
        content = ft.Row(
            [
                mark,
                ft.Container(ft.Row([first]), expand=2),
                serial,
                ft.Container(said, expand=5),
                ft.Container(ft.Row(when), width=110),
            ],
            spacing=14,
        )
    head = ft.Container(
        content,
        padding=ft.Padding.symmetric(horizontal=12, vertical=8),
        on_click=lambda: model.go(f"/machines/{part.machine_id}"),
        ink=True,
    )
    return named(f"part-{part.machine_id}", head)


def _never(left: int) -> str:
    return ngettext(
        "{n} machine has not been sent the command and never will be.",
        "{n} machines have not been sent the command and never will be.",
        left,
    ).format(n=number(left))


@ft.component
def Abort(of: Run, following: Following) -> ft.Control:
    """Ends a run early: asks once, and says what it does not bring back."""
    model = use_model()
    ask = use_question()

    async def abort() -> None:
        following.now.run = run(await model.api.abort_bulk(of.id))
        following.ask_now()

    def aborting() -> Act:
        left = of.share(Share.NOT_GIVEN)
        rest = _("What still waits is taken back. Machines that have begun go on: stop them if need be.")
        return Act(
            "abort",
            _("End this run: {command}, {machines}?").format(
                command=order_words(of.command), machines=machines_words(of.machines)
            ),
            f"{_never(left)}\n{rest}" if left else rest,
            _("End the run"),
            _("Let it go on"),
            abort,
        )

    return named(
        "abort",
        ft.OutlinedButton(_("End the run"), icon=ft.Icons.CANCEL_OUTLINED, on_click=lambda: ask(aborting())),
    )
