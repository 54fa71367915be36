"""The fields of a machine, for a new one and for changing one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flet as ft

from sunsweep.app.hooks.keeping import use_list
from sunsweep.app.hooks.watching import use_changes
from sunsweep.app.look.forms import HALF, WHOLE, Columns
from sunsweep.app.look.parts import named
from sunsweep.app.machine_form.draft import Draft, take_pair
from sunsweep.app.model import use_model
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.words import _

OFFERED = 8
"""Models that are offered for a tap; what has more is typed."""


def machine_fields(
    draft: Draft,
    wrong: Mapping[str, str],
    models: Sequence[str],
    *,
    redraw: Callable[[], None],
    on_submit: Callable[[], Any],
) -> ft.Control:
    """What is typed goes into `draft` without drawing anything; `redraw` is for what changes a field from outside."""

    def field(name: str, label: str, *, col: int | Columns = WHOLE, **more: Any) -> ft.Control:
        def take(event: ft.Event[ft.TextField]) -> None:
            draft[name] = event.control.value
            if name == "lat" and take_pair(draft):
                redraw()

        if not more.get("multiline"):
            more["on_submit"] = on_submit
        box = ft.TextField(label=label, value=draft[name], error=wrong.get(name), on_change=take, **more)
        return ft.Container(named(f"machine-{name.replace('_', '-')}", box), col=col)

    def choose(model: str) -> Callable[[], None]:
        def chosen() -> None:
            draft["model"] = model
            redraw()

        return chosen

    offered: list[ft.Control] = [
        named(f"model-{model}", ft.Chip(ft.Text(model), on_click=choose(model))) for model in models[:OFFERED] if model
    ]
    degrees: dict[str, Any] = {"keyboard_type": ft.KeyboardType.TEXT, "suffix": "°", "col": HALF}
    return ft.ResponsiveRow(
        [
            *(
                [
                    field(
                        "machine_id",
                        _("Serial number"),
                        helper=_("As on its plate, like SCM-1"),
                        autofocus=True,
                        col=HALF,
                    )
                ]
                if "machine_id" in draft
                else []
            ),
            field("name", _("Name"), helper=_("What people call it"), col=HALF if "machine_id" in draft else WHOLE),
            ft.Column(
                [
                    field("model", _("Model"), helper=_("It decides which commands the machine is offered")),
                    *([ft.Row(offered, wrap=True, spacing=8, run_spacing=8)] if offered else []),
                ],
                spacing=8,
                tight=True,
                horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
                col=HALF,
            ),
            field(
                "expected_interval_s",
                _("Expected interval"),
                suffix=_("s"),
                helper=_("Between two of its messages; silent for three of them, it counts as stale"),
                helper_max_lines=2,
                keyboard_type=ft.KeyboardType.NUMBER,
                col=HALF,
            ),
            field("tags", _("Tags"), helper=_("Separated by commas, like north, roof 3")),
            field("lat", _("Latitude"), helper=_("A place copied from a map can be pasted here"), **degrees),
            field("lon", _("Longitude"), **degrees),
            *([field("notes", _("Notes"), multiline=True, min_lines=2, max_lines=8)] if "notes" in draft else []),
        ],
        spacing=12,
        run_spacing=12,
    )


def use_models() -> list[str]:
    """The models that the company has, as the machines and the tables of commands name them."""
    model = use_model()
    tables, set_tables = use_list(str)
    use_changes(model.fleet, lambda change: change.order)

    async def ask() -> None:
        try:
            set_tables([one["model"] for one in await model.api.models()])
        except (Refused, Away):
            set_tables([])

    ft.use_effect(ask, [])
    return sorted({machine.model for machine in model.fleet.machines.values() if machine.model} | set(tables))
