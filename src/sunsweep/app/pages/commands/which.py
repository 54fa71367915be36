"""Which machines a command for many is for: a filter, some of them, or all."""

from dataclasses import replace

import flet as ft

from sunsweep.app.hooks.watching import use_machine_list, use_now_ms
from sunsweep.app.look.chips import chips
from sunsweep.app.look.parts import card, named, quiet, section
from sunsweep.app.look.statuses import status_words
from sunsweep.app.model import use_model
from sunsweep.app.pages.commands.choosing import How, facets, found, plain
from sunsweep.app.pages.commands.drafting import Choosing, Draft
from sunsweep.app.pages.commands.tally import machines_words
from sunsweep.app.words import _, isolate

_PRESENCE = ("online", "stale", "offline")


@ft.component
def Which(draft: Draft, choosing: Choosing) -> ft.Control:
    """Which machines: a filter, some of them, or all."""
    choice = choosing.choice
    ways = [(How.FILTER, _("By a filter")), (How.CHOSEN, _("One by one")), (How.ALL, _("All"))]
    parts: list[ft.Control] = [
        section(_("Which machines")),
        chips(
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
    use_machine_list()
    count = sum(map(choosing.choice.means, fleet.machines.values()))
    words = machines_words(count) if choosing.choice.filter is not None else _("No machine is chosen yet.")
    return named("meant", ft.Text(words, weight=ft.FontWeight.W_600))


@ft.component
def Filters(draft: Draft, choosing: Choosing) -> ft.Control:
    """Tags, model, state and connection; what is chosen holds all at once."""
    model = use_model()
    fleet = model.fleet
    use_now_ms()
    use_machine_list()
    choice, offered = choosing.choice, facets(fleet.machines.values())
    statuses = offered.statuses
    if choice.status and plain(choice.status) not in map(plain, statuses):
        statuses = (*statuses, choice.status)

    parts: list[ft.Control] = []
    if offered.tags:
        parts.append(quiet(_("Tags (a machine has all of them)")))
        parts.append(
            chips(
                "tag",
                [(tag, isolate(tag), tag in choice.tags) for tag in offered.tags],
                lambda tag: draft.choose(choice.with_tag(tag)),
            )
        )
    if offered.models:
        parts.append(quiet(_("Model")))
        parts.append(
            chips(
                "model",
                [(one, isolate(one), one == choice.model) for one in offered.models],
                lambda one: draft.choose(replace(choice, model="" if one == choice.model else one)),
            )
        )
    parts.append(quiet(_("State")))
    parts.append(
        chips(
            "status",
            [(one, status_words(one), plain(one) == plain(choice.status)) for one in statuses],
            lambda one: draft.choose(replace(choice, status="" if plain(one) == plain(choice.status) else one)),
        )
    )
    parts.append(quiet(_("Connection")))
    words = {"online": _("Online"), "stale": _("Silent"), "offline": _("Offline")}
    parts.append(
        chips(
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
    use_machine_list()
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
