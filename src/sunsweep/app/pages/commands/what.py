"""What the machines of a command for many are told: the command, what it takes, and how it is parted."""

import flet as ft

from sunsweep.app.figures.numbers import number
from sunsweep.app.hooks.watching import use_machine_list
from sunsweep.app.look.commands import order_words
from sunsweep.app.look.parameters import parameter_form
from sunsweep.app.look.parts import card, named, section
from sunsweep.app.model import use_model
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.pages.commands.choosing import one_of_each_model
from sunsweep.app.pages.commands.drafting import ABORT, STAGE, VALID, Draft, Ordering
from sunsweep.app.trouble import in_words
from sunsweep.app.words import _


@ft.component
def What(draft: Draft, ordering: Ordering) -> ft.Control:
    """The command, what it takes, and how it is parted."""
    model = use_model()
    fleet = model.fleet
    use_machine_list()
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
