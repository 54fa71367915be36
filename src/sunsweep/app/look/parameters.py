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
    form: Sequence[Field], entered: Entered, on_set: Set, *, faults: Mapping[str, str] | None = None
) -> ft.Column:
    """One field a parameter, each with its limits; `faults` by name, shown in the limits' place.

    The identifiers are `param-<name>`.
    """
    said = faults or {}
    return ft.Column(
        [named(f"param-{field.name}", _control(field, entered, on_set, said.get(field.name))) for field in form],
        spacing=14,
        tight=True,
        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
    )


def _control(field: Field, entered: Entered, on_set: Set, fault: str | None) -> ft.Control:
    value = entered.get(field.name, "")
    label = f"{name_words(field.name)} *" if field.required else name_words(field.name)
    helper = _helper(field)
    if field.kind in {FieldKind.BOOLEAN, FieldKind.CHOICE}:
        choice = ft.Dropdown(
            key=f"param-{field.name}",
            label=label,
            value=value,
            options=[ft.DropdownOption(key=key, text=text) for key, text in _choices(field)],
            error_text=fault,
            expand=True,
            on_select=lambda event: on_set(field.name, event.control.value or ""),
        )
        # Flutter cuts a menu's own helper off after one line.
        said = ft.Text(helper or "", theme_style=ft.TextThemeStyle.BODY_SMALL, color=ft.Colors.ON_SURFACE_VARIANT)
        below = [ft.Container(said, padding=ft.Padding.symmetric(horizontal=16))] if helper else []
        return ft.Column([ft.Row([choice]), *below], spacing=5, tight=True)
    return ft.TextField(
        key=f"param-{field.name}",
        label=label,
        value=value,
        suffix=field.unit or None,
        helper=helper,
        helper_max_lines=2,
        error=fault,
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
