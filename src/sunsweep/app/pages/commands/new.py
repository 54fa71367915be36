"""One command for many machines: choose, look at what would happen, give it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import flet as ft

from sunsweep.app.figures.numbers import number
from sunsweep.app.hooks.keeping import use_made
from sunsweep.app.hooks.watching import use_changes, use_now_ms
from sunsweep.app.look.commands import order_words
from sunsweep.app.look.parameters import parameter_form
from sunsweep.app.look.parts import back, card, empty, heading, named, quiet, section
from sunsweep.app.look.statuses import status_words
from sunsweep.app.model import Model, Width, use_model, watch
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.pages.commands.choosing import (
    How,
    address_of,
    choice_of,
    facets,
    found,
    one_of_each_model,
    plain,
)
from sunsweep.app.pages.commands.drafting import ABORT, STAGE, VALID, Choosing, Draft, Looking, Ordering
from sunsweep.app.pages.commands.preview import Preview
from sunsweep.app.pages.commands.tally import machines_words
from sunsweep.app.trouble import in_words
from sunsweep.app.words import _, isolate

_PRESENCE = ("online", "stale", "offline")


@ft.component
def NewPage() -> ft.Control:
    model = use_model()
    session, window = watch(model.session), watch(model.window)

    def begun() -> Draft:
        choice, command = choice_of(model.page.route or "")
        return Draft(model, Choosing(choice), Ordering(command))

    draft = use_made(begun)
    if not session.may_command:
        return empty(
            ft.Icons.LOCK_OUTLINE,
            _("You may look, and not command"),
            _("Ask an administrator of your company for the role of an operator."),
        )
    title = ft.Container(heading(_("Command for many machines")), expand=True)
    head = ft.Row([back(lambda: model.go("/commands")), title])
    which = Which(draft, draft.choosing)
    what = What(draft, draft.ordering)
    look = Look(draft, draft.choosing, draft.ordering, draft.looking)
    if window.width is Width.WIDE:
        body: list[ft.Control] = [
            ft.Row(
                [
                    ft.Column(
                        [which, what],
                        expand=6,
                        spacing=12,
                        tight=True,
                        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
                    ),
                    ft.Container(look, expand=5),
                ],
                spacing=16,
                vertical_alignment=ft.CrossAxisAlignment.START,
            )
        ]
    else:
        body = [Narrow(draft, draft.looking)]
    return named(
        "page-new-command",
        ft.Column(
            [head, *body],
            spacing=12,
            expand=True,
            scroll=ft.ScrollMode.AUTO,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        ),
    )


@ft.component
def Narrow(draft: Draft, looking: Looking) -> ft.Control:
    """One below the other; what would happen takes the form's place, or nobody would see it at the end of it."""
    look = Look(draft, draft.choosing, draft.ordering, looking)
    parts = [look] if looking.answer is not None else [Which(draft, draft.choosing), What(draft, draft.ordering), look]
    return ft.Column(parts, spacing=12, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


def use_list(model: Model) -> None:
    """Draw again when machines come or go, and once their rows are here: frames bring serial numbers only."""
    was_complete = model.feeding.is_complete
    use_changes(model.fleet, lambda change: change.order or not was_complete)


@ft.component
def Which(draft: Draft, choosing: Choosing) -> ft.Control:
    """Which machines: a filter, some of them, or all."""
    choice = choosing.choice
    ways = [(How.FILTER, _("By a filter")), (How.CHOSEN, _("One by one")), (How.ALL, _("All"))]
    parts: list[ft.Control] = [
        section(_("Which machines")),
        _chips(
            "how",
            [(str(way), words, way is choice.how) for way, words in ways],
            lambda way: draft.choose(replace(choice, how=How(way))),
        ),
    ]
    if choice.how is How.FILTER:
        parts.append(Filters(draft, choosing))
    elif choice.how is How.CHOSEN:
        parts.append(Picker(draft, choosing))
    parts.append(Meant(choosing))
    return card(*parts)


@ft.component
def Meant(choosing: Choosing) -> ft.Control:
    """How many that are, by what this page knows."""
    model = use_model()
    fleet = model.fleet
    use_now_ms()
    use_list(model)
    count = sum(map(choosing.choice.means, fleet.machines.values()))
    words = machines_words(count) if choosing.choice.filter is not None else _("No machine is chosen yet.")
    return named("meant", ft.Text(words, weight=ft.FontWeight.W_600))


@ft.component
def Filters(draft: Draft, choosing: Choosing) -> ft.Control:
    """Tags, model, state and connection; what is chosen holds all at once."""
    model = use_model()
    fleet = model.fleet
    use_now_ms()
    use_list(model)
    choice, offered = choosing.choice, facets(fleet.machines.values())
    statuses = offered.statuses
    if choice.status and plain(choice.status) not in map(plain, statuses):
        statuses = (*statuses, choice.status)

    parts: list[ft.Control] = []
    if offered.tags:
        parts.append(quiet(_("Tags (a machine has all of them)")))
        parts.append(
            _chips(
                "tag",
                [(tag, isolate(tag), tag in choice.tags) for tag in offered.tags],
                lambda tag: draft.choose(choice.with_tag(tag)),
            )
        )
    if offered.models:
        parts.append(quiet(_("Model")))
        parts.append(
            _chips(
                "model",
                [(one, isolate(one), one == choice.model) for one in offered.models],
                lambda one: draft.choose(replace(choice, model="" if one == choice.model else one)),
            )
        )
    parts.append(quiet(_("State")))
    parts.append(
        _chips(
            "status",
            [(one, status_words(one), plain(one) == plain(choice.status)) for one in statuses],
            lambda one: draft.choose(replace(choice, status="" if plain(one) == plain(choice.status) else one)),
        )
    )
    parts.append(quiet(_("Connection")))
    words = {"online": _("Online"), "stale": _("Silent"), "offline": _("Offline")}
    parts.append(
        _chips(
            "presence",
            [(one, words[one], one == choice.presence) for one in _PRESENCE],
            lambda one: draft.choose(replace(choice, presence="" if one == choice.presence else one)),
        )
    )
    return ft.Column(parts, spacing=6, tight=True)


@ft.component
def Picker(draft: Draft, choosing: Choosing) -> ft.Control:
    """Machines one by one, found by serial, name or tag."""
    model = use_model()
    fleet = model.fleet
    use_list(model)
    choice = choosing.choice
    hits = found(fleet.machines, choosing.sought)

    def search(event: ft.Event[ft.TextField]) -> None:
        choosing.sought = event.control.value

    def row(machine_id: str, name: str) -> ft.Control:
        label = f"{name}  {isolate(machine_id)}" if name and name != machine_id else isolate(machine_id)
        return named(
            f"pick-{machine_id}",
            ft.Checkbox(
                key=f"pick-{machine_id}",
                label=label,
                value=machine_id in choice.machine_ids,
                on_change=lambda: draft.choose(choosing.choice.with_machine(machine_id)),
            ),
        )

    picked = sorted(choice.machine_ids)
    return ft.Column(
        [
            named(
                "pick-search",
                ft.TextField(
                    label=_("Search serial, name or tag"),
                    value=choosing.sought,
                    prefix_icon=ft.Icons.SEARCH,
                    on_change=search,
                ),
            ),
            ft.Container(
                ft.Column([row(one.machine_id, one.name) for one in hits], spacing=0, scroll=ft.ScrollMode.AUTO),
                height=230,
            ),
            *(
                [
                    ft.Row(
                        [
                            ft.Chip(
                                label=isolate(one),
                                on_delete=lambda _event, one=one: draft.choose(choosing.choice.with_machine(one)),
                            )
                            for one in picked[:20]
                        ],
                        wrap=True,
                        spacing=6,
                        run_spacing=6,
                    )
                ]
                if picked
                else []
            ),
        ],
        spacing=6,
        tight=True,
    )


@ft.component
def What(draft: Draft, ordering: Ordering) -> ft.Control:
    """The command, what it takes, and how it is parted."""
    model = use_model()
    fleet = model.fleet
    use_list(model)
    trouble, set_trouble = ft.use_state("")
    models = one_of_each_model(list(fleet.machines.values()))

    async def ask() -> None:
        set_trouble("")
        offered = {}
        try:
            for machine_id in models.values():
                catalogue = await model.api.catalogue(machine_id)
                offered.update({one["command"]: one for one in catalogue["commands"] if one["command"] not in offered})
        except (Refused, Away) as error:
            set_trouble(in_words(error))
            return
        ordering.offered = tuple(offered.values())

    ft.use_effect(ask, [tuple(sorted(models))])
    parts: list[ft.Control] = [
        section(_("What they are told")),
        named(
            "new-command",
            ft.Row(
                [
                    ft.Dropdown(
                        label=_("Command"),
                        value=ordering.command or None,
                        options=[
                            ft.DropdownOption(key=one["command"], text=order_words(one["command"]))
                            for one in ordering.offered
                        ],
                        expand=True,
                        on_select=lambda event: draft.order(event.control.value or ""),
                    )
                ]
            ),
        ),
    ]
    if trouble:
        parts.append(
            ft.Row([ft.Text(trouble, color=ft.Colors.ERROR, expand=True), ft.TextButton(_("Try again"), on_click=ask)])
        )
    faults = dict(ordering.faults)
    if ordering.form:
        parts.append(parameter_form(ordering.form, ordering.values, draft.enter, faults=faults))
    if ordering.command and not ordering.is_stop:
        parts.append(_stages(draft, ordering, faults))
    return card(
        ft.Column(parts, spacing=12, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH),
    )


def _stages(draft: Draft, ordering: Ordering, faults: dict[str, str]) -> ft.Control:
    """How long it is valid, and how carefully it is given."""
    life_s = (ordering.chosen or {}).get("expires_in")
    minutes = number(life_s // 60) if life_s else ""
    told = [
        (
            VALID.name,
            _("Valid for"),
            _("A machine that is away gets it if it is back in time. Left empty: {n} min").format(n=minutes)
            if minutes
            else _("A machine that is away gets it if it is back in time."),
            "min",
        ),
        (
            STAGE.name,
            _("Machines at a time"),
            _("The next ones begin when these have answered. Left empty: all at once"),
            None,
        ),
        (
            ABORT.name,
            _("End after so many failures"),
            _("Machines that did not do it. Left empty: it goes on to the last machine"),
            None,
        ),
    ]
    return ft.Column(
        [
            named(
                f"new-{name.replace('_', '-')}",
                ft.TextField(
                    key=f"new-{name}",
                    label=label,
                    helper=helper,
                    helper_max_lines=3,
                    suffix=unit,
                    value=ordering.values.get(name, ""),
                    error=faults.get(name),
                    keyboard_type=ft.KeyboardType.NUMBER,
                    on_change=lambda event, name=name: draft.enter(name, event.control.value),
                ),
            )
            for name, label, helper, unit in told
        ],
        spacing=14,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


@ft.component
def Look(draft: Draft, choosing: Choosing, ordering: Ordering, looking: Looking) -> ft.Control:
    """First the look at what would happen, then the act."""
    model = use_model()

    async def look() -> None:
        model.go(address_of(choosing.choice, ordering.command))
        await draft.look()

    if looking.answer is not None and looking.terms is not None:
        return Preview(draft, looking)
    return card(
        section(_("Before anything moves")),
        quiet(_("See which machines are meant, and which of them would refuse it and why. Nothing is sent yet.")),
        *([named("new-said", ft.Text(ordering.said, color=ft.Colors.ERROR))] if ordering.said else []),
        named(
            "new-look",
            ft.FilledButton(
                _("Look what would happen"), icon=ft.Icons.VISIBILITY_OUTLINED, on_click=look, disabled=looking.is_busy
            ),
        ),
    )


def _chips(kind: str, choices: Sequence[tuple[str, str, bool]], on_toggle: Callable[[str], None]) -> ft.Control:
    return ft.Row(
        [
            named(
                f"{kind}-{value}",
                ft.Chip(
                    key=f"{kind}-{value}",
                    label=words,
                    selected=is_chosen,
                    show_checkmark=False,
                    on_select=lambda _event, value=value: on_toggle(value),
                ),
            )
            for value, words, is_chosen in choices
        ],
        wrap=True,
        spacing=8,
        run_spacing=6,
    )
