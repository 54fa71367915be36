"""The form for what a command takes, the same wherever one is given."""

from collections.abc import Callable, Mapping, Sequence

import flet as ft

from sunsweep.app.look.parameter_words import choice_words, description_words, name_words
from sunsweep.app.look.parts import named
from sunsweep.app.parameters import NO, YES, Entered, Field, FieldKind
from sunsweep.app.words import _

Set = Callable[[str, str], None]
"""A field's name, and what stands in it now."""


def parameter_form(
    form: Sequence[Field],
    entered: Entered,
    on_set: Set,
    *,
    faults: Mapping[str, str] | None = None,
    width: float | None = None,
) -> ft.Column:
    """One field a parameter, each with its limits; `faults` by name, shown in the limits' place.

    The identifiers are `param-<name>`; `width` is in logical pixels: a dropdown does not find its own.
    """
    said = faults or {}
    return ft.Column(
        [named(f"param-{field.name}", _control(field, entered, on_set, said.get(field.name), width)) for field in form],
        spacing=14,
        tight=True,
    )


def _control(field: Field, entered: Entered, on_set: Set, fault: str | None, width: float | None) -> ft.Control:
    value = entered.get(field.name, "")
    label = f"{name_words(field.name)} *" if field.required else name_words(field.name)
    helper = _helper(field)
    if field.kind in {FieldKind.BOOLEAN, FieldKind.CHOICE}:
        return ft.Dropdown(
            key=f"param-{field.name}",
            label=label,
            value=value,
            options=[ft.DropdownOption(key=key, text=text) for key, text in _choices(field)],
            helper_text=helper,
            error_text=fault,
            width=width,
            on_select=lambda event: on_set(field.name, event.control.value or ""),
        )
    return ft.TextField(
        key=f"param-{field.name}",
        label=label,
        value=value,
        suffix=field.unit or None,
        helper=helper,
        helper_max_lines=2,
        error=fault,
        width=width,
        keyboard_type=ft.KeyboardType.NUMBER if field.kind.is_number else ft.KeyboardType.TEXT,
        on_change=lambda event: on_set(field.name, event.control.value),
    )


def _choices(field: Field) -> list[tuple[str, str]]:
    left_out = [] if field.required else [("", _("Left out"))]
    if field.kind is FieldKind.BOOLEAN:
        return [*left_out, (YES, _("yes")), (NO, _("no"))]
    return [*left_out, *((choice, choice_words(choice)) for choice in field.choices)]


def _helper(field: Field) -> str | None:
    limits, description = field.limits, description_words(field.description)
    if limits and description:
        return _("{limits}: {description}").format(limits=limits, description=description)
    return limits or description or None
