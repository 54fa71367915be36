"""What a dry run says: who is meant, who would refuse and why, and the button that lets it happen."""

from collections.abc import Mapping
from typing import Any

import flet as ft

from sunsweep.app.figures.numbers import number
from sunsweep.app.hooks.once import Handler, use_once
from sunsweep.app.hooks.watching import use_is_dark
from sunsweep.app.look.chips import chip
from sunsweep.app.look.command_marks import command_ink, command_mark
from sunsweep.app.look.commands import order_words
from sunsweep.app.look.parameter_words import params_words
from sunsweep.app.look.parts import card, error_line, named, quiet, section
from sunsweep.app.look.refusals import problem_words
from sunsweep.app.look.statuses import status_words
from sunsweep.app.model import Model, use_model, watch
from sunsweep.app.pages.commands.drafting import Draft, Looking
from sunsweep.app.pages.commands.rows import ELLIPSIS, machine_name
from sunsweep.app.pages.commands.tally import REFUSED, machines_words
from sunsweep.app.words import _, isolate, listed, ngettext
from sunsweep.contract.commands import CommandState


@ft.component
def Preview(draft: Draft, looking: Looking) -> ft.Control:
    model = use_model()
    company = watch(model.company)
    is_dark = use_is_dark()
    beginning = use_once(draft.begin)
    answer, terms = looking.answer, looking.terms
    if answer is None or terms is None:
        return ft.Container()
    refused = sum(answer["refused"].values())
    ready = answer["machines"] - refused
    order = order_words(terms.command)
    summary = _("{machines} of {company}: {ready} ready, {refused} would refuse it").format(
        machines=machines_words(answer["machines"]),
        company=isolate(company.name),
        ready=number(ready),
        refused=number(refused),
    )
    parts: list[ft.Control] = [
        section(_("What would happen")),
        named("preview-summary", ft.Text(summary, weight=ft.FontWeight.W_600)),
        quiet(listed([order, params_words(terms.params)]) if terms.params else order),
    ]
    if answer["stages"] > 1:
        parts.append(
            quiet(
                ngettext("In {n} stage of {size}", "In {n} stages of {size}", answer["stages"]).format(
                    n=number(answer["stages"]), size=number(answer["stage_size"])
                )
            )
        )
    parts += [_reason(code, count, is_dark=is_dark) for code, count in answer["refused"].items()]
    if answer["unknown"]:
        parts.append(
            ft.Text(
                _("Not found: {serials}").format(serials=", ".join(map(isolate, answer["unknown"]))),
                color=ft.Colors.ERROR,
            )
        )
    parts += _acts(draft, beginning, looking, order, ready, answer, company.name)
    parts.append(ft.Divider())
    if refused:
        parts.append(_filter(draft, looking, refused, answer["machines"]))
    parts += [_machine(model, one, is_dark=is_dark) for one in answer["items"]]
    parts += _paging(draft, looking, answer)
    return named("preview", card(*parts))


def _acts(
    draft: Draft,
    beginning: Handler,
    looking: Looking,
    order: str,
    ready: int,
    answer: Mapping[str, Any],
    company: str,
) -> list[ft.Control]:
    is_stop = draft.ordering.is_stop
    meant = answer["machines"] if is_stop else ready
    words = _("{command}: {machines} of {company}").format(
        command=order, machines=machines_words(meant), company=isolate(company)
    )
    go = ft.FilledButton(
        words,
        icon=ft.Icons.STOP_CIRCLE if is_stop else ft.Icons.SEND,
        on_click=beginning.do,
        disabled=looking.is_busy or not meant,
        style=ft.ButtonStyle(bgcolor=ft.Colors.ERROR, color=ft.Colors.ON_ERROR) if is_stop else None,
    )
    said = error_line("preview-said", looking.said)
    return [
        *said,
        ft.Row(
            [
                named("preview-go", go),
                named("preview-change", ft.TextButton(_("Change something"), on_click=draft.forget)),
            ],
            wrap=True,
            spacing=8,
        ),
    ]


def _reason(code: str, count: int, *, is_dark: bool) -> ft.Control:
    return ft.Row(
        [
            command_mark(REFUSED, is_dark=is_dark, size=18),
            ft.Text(
                _("{machines}: {reason}").format(machines=machines_words(count), reason=problem_words(code)),
                expand=True,
            ),
        ],
        spacing=8,
        vertical_alignment=ft.CrossAxisAlignment.START,
    )


def _filter(draft: Draft, looking: Looking, refused: int, machines: int) -> ft.Control:
    async def all_of_them() -> None:
        await draft.look()

    async def only_refused() -> None:
        await draft.look(refused_only=True)

    return ft.Row(
        [
            chip(
                "preview-all",
                f"{_('All')} {number(machines)}",
                is_chosen=not looking.refused_only,
                on_select=all_of_them,
            ),
            chip(
                "preview-refused",
                f"{_('Would refuse')} {number(refused)}",
                is_chosen=looking.refused_only,
                on_select=only_refused,
            ),
        ],
        spacing=8,
    )


def _machine(model: Model, one: Mapping[str, Any], *, is_dark: bool) -> ft.Control:
    machine_id = one["machine_id"]
    name = machine_name(model, machine_id)
    state = REFUSED if one["refused"] else CommandState.SUCCEEDED
    if one["refused"]:
        said = problem_words(one["refused"]["code"], one["refused"]["reason"])
    elif one["presence"] == "offline":
        said = _("Offline: gets it when it is back in time")
    else:
        said = _("Ready: {state}").format(state=status_words(one["status"] or "")) if one["status"] else _("Ready")
    return named(
        f"meant-{machine_id}",
        ft.Row(
            [
                command_mark(state, is_dark=is_dark, size=18),
                ft.Text(isolate(name or machine_id), expand=2, no_wrap=True, overflow=ELLIPSIS),
                ft.Text(
                    said,
                    expand=3,
                    max_lines=2,
                    overflow=ELLIPSIS,
                    color=command_ink(state, is_dark=is_dark) if one["refused"] else ft.Colors.ON_SURFACE_VARIANT,
                ),
            ],
            spacing=8,
        ),
    )


def _paging(draft: Draft, looking: Looking, answer: Mapping[str, Any]) -> list[ft.Control]:
    async def first() -> None:
        await draft.look(refused_only=looking.refused_only)

    async def further() -> None:
        await draft.look(refused_only=looking.refused_only, cursor=answer["next_cursor"])

    steps: list[ft.Control] = []
    if looking.cursor:
        steps.append(named("preview-first", ft.OutlinedButton(_("First machines"), on_click=first)))
    if answer["next_cursor"]:
        steps.append(named("preview-more", ft.OutlinedButton(_("More machines"), on_click=further)))
    return [ft.Row(steps, alignment=ft.MainAxisAlignment.CENTER)] if steps else []
