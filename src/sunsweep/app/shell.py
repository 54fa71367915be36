"""The frame around every page: where one is, where one can go, the state of the connection, and the stop for all."""

import flet as ft

from sunsweep.app.feeding import Connection
from sunsweep.app.look.parts import named
from sunsweep.app.model import Width, use_model, watch
from sunsweep.app.net.stream import Link
from sunsweep.app.places import ON_THE_BAR, ON_THE_RAIL, chosen
from sunsweep.app.stop_all import StopAll
from sunsweep.app.words import _


@ft.component
def Shell() -> ft.Control:
    model = use_model()
    window = watch(model.window)
    outlet = ft.use_route_outlet()
    inside = ft.Container(content=outlet, expand=True, padding=8 if window.width is Width.PHONE else 20)
    page = ft.Column([ConnectionStrip(model.feeding.connection), TopBar(), inside], spacing=0, expand=True)
    if window.width is Width.PHONE:
        return ft.SafeArea(ft.Column([page, Bar()], spacing=0, expand=True), expand=True)
    return ft.Row([Rail(), ft.VerticalDivider(width=1), page], spacing=0, expand=True)


@ft.component
def TopBar() -> ft.Control:
    """The company, and the one button that is the same on every page."""
    model = use_model()
    company, session, window = watch(model.company), watch(model.session), watch(model.window)
    name = ft.Text(company.name, theme_style=ft.TextThemeStyle.TITLE_MEDIUM, expand=True, no_wrap=True)
    brand = ft.Text("Sunsweep", theme_style=ft.TextThemeStyle.TITLE_MEDIUM, weight=ft.FontWeight.W_700)
    left = [brand, name] if window.width is Width.PHONE else [name]
    return ft.Container(
        content=ft.Row([*left, *([StopAll()] if session.may_command else [])], spacing=12),
        padding=ft.Padding.symmetric(horizontal=12 if window.width is Width.PHONE else 20, vertical=8),
        height=60,
    )


@ft.component
def ConnectionStrip(connection: Connection) -> ft.Control:
    """Said at once when the connection is lost; it heals by itself, and then the strip goes."""
    return ft.Container(
        content=named(
            "connection-lost",
            ft.Row(
                [
                    ft.Icon(ft.Icons.CLOUD_OFF, size=18, color=ft.Colors.ON_ERROR_CONTAINER),
                    ft.Text(
                        _("Connection lost. What you see is old; it is being restored."),
                        color=ft.Colors.ON_ERROR_CONTAINER,
                    ),
                ],
                alignment=ft.MainAxisAlignment.CENTER,
            ),
        ),
        bgcolor=ft.Colors.ERROR_CONTAINER,
        padding=6,
        visible=connection.link is Link.LOST,
    )


@ft.component
def Rail() -> ft.Control:
    model = use_model()
    session, window = watch(model.session), watch(model.window)
    ft.use_route_location()
    places = tuple(place for place in ON_THE_RAIL if place.for_whom(model))
    is_wide = window.width is Width.WIDE and session.me is not None
    return ft.NavigationRail(
        destinations=[
            ft.NavigationRailDestination(
                icon=ft.Icon(place.icon),
                selected_icon=ft.Icon(place.chosen_icon),
                label=named(f"go-{place.identifier}", ft.Text(place.label())),
            )
            for place in places
        ],
        selected_index=chosen(places, model.page.route or "/"),
        extended=is_wide,
        min_extended_width=208,
        label_type=ft.NavigationRailLabelType.NONE if is_wide else ft.NavigationRailLabelType.ALL,
        leading=ft.Container(
            ft.Text("Sunsweep", theme_style=ft.TextThemeStyle.TITLE_LARGE, weight=ft.FontWeight.W_700)
            if is_wide
            else ft.Icon(ft.Icons.SOLAR_POWER, color=ft.Colors.PRIMARY),
            padding=12,
        ),
        on_change=lambda event: model.go(places[int(event.data)].address),
        scrollable=True,
    )


@ft.component
def Bar() -> ft.Control:
    """The thumb's way on a phone."""
    model = use_model()
    ft.use_route_location()
    return ft.NavigationBar(
        destinations=[
            ft.NavigationBarDestination(icon=place.icon, selected_icon=place.chosen_icon, label=place.label())
            for place in ON_THE_BAR
        ],
        selected_index=chosen(ON_THE_BAR, model.page.route or "/") or 0,
        on_change=lambda event: model.go(ON_THE_BAR[int(event.data)].address),
        height=64,
    )
