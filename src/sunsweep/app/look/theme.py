"""The product's colours and type, light and dark (Material 3 roles)."""

from typing import Final

import flet as ft

LIGHT: Final = ft.ColorScheme(
    primary="#00696B",
    on_primary="#FFFFFF",
    primary_container="#9CF1F2",
    on_primary_container="#002021",
    secondary="#7A5900",
    on_secondary="#FFFFFF",
    secondary_container="#FFDEA3",
    on_secondary_container="#261900",
    tertiary="#3B5F91",
    on_tertiary="#FFFFFF",
    tertiary_container="#D5E3FF",
    on_tertiary_container="#001B3C",
    error="#B3261E",
    on_error="#FFFFFF",
    error_container="#F9DEDC",
    on_error_container="#410E0B",
    surface="#F6FAFA",
    on_surface="#171D1D",
    on_surface_variant="#3F4949",
    outline="#6F7979",
    outline_variant="#BEC8C8",
    surface_container_lowest="#FFFFFF",
    surface_container_low="#F0F5F4",
    surface_container="#EAEFEE",
    surface_container_high="#E4E9E9",
    surface_container_highest="#DFE4E3",
    inverse_surface="#2B3232",
    on_inverse_surface="#ECF2F1",
    inverse_primary="#80D4D6",
    surface_tint="#00696B",
)
DARK: Final = ft.ColorScheme(
    primary="#80D4D6",
    on_primary="#003738",
    primary_container="#004F51",
    on_primary_container="#9CF1F2",
    secondary="#F2BF48",
    on_secondary="#402D00",
    secondary_container="#5C4200",
    on_secondary_container="#FFDEA3",
    tertiary="#A7C8FF",
    on_tertiary="#00315F",
    tertiary_container="#214777",
    on_tertiary_container="#D5E3FF",
    error="#F2B8B5",
    on_error="#601410",
    error_container="#8C1D18",
    on_error_container="#F9DEDC",
    surface="#0E1415",
    on_surface="#DEE4E3",
    on_surface_variant="#BEC8C8",
    outline="#899392",
    outline_variant="#3F4949",
    surface_container_lowest="#090F10",
    surface_container_low="#171D1D",
    surface_container="#1B2121",
    surface_container_high="#252B2C",
    surface_container_highest="#303636",
    inverse_surface="#DEE4E3",
    on_inverse_surface="#2B3232",
    inverse_primary="#00696B",
    surface_tint="#80D4D6",
)


def theme(scheme: ft.ColorScheme) -> ft.Theme:
    """Material 3 over one of the two schemes; dense, as people who work with it all day want it."""
    return ft.Theme(
        color_scheme=scheme,
        scaffold_bgcolor=scheme.surface,
        use_material3=True,
        visual_density=ft.VisualDensity.COMPACT,
        divider_theme=ft.DividerTheme(color=scheme.outline_variant, thickness=1, space=1),
        page_transitions=ft.PageTransitionsTheme(
            android=ft.PageTransitionTheme.NONE,
            ios=ft.PageTransitionTheme.NONE,
            linux=ft.PageTransitionTheme.NONE,
            macos=ft.PageTransitionTheme.NONE,
            windows=ft.PageTransitionTheme.NONE,
        ),
    )
