"""Where one can go in the app, and who may."""

from collections.abc import Callable
from dataclasses import dataclass

import flet as ft

from sunsweep.app.model import Model
from sunsweep.app.words import _

_EVERYBODY: Callable[[Model], bool] = lambda _model: True  # noqa: E731
ADMINS: Callable[[Model], bool] = lambda model: model.session.may_administer  # noqa: E731
_PLATFORM: Callable[[Model], bool] = lambda model: model.session.is_platform_admin  # noqa: E731


@dataclass(frozen=True)
class Place:
    """One entry of the navigation."""

    identifier: str
    address: str
    icon: ft.IconData
    chosen_icon: ft.IconData
    label: Callable[[], str]
    for_whom: Callable[[Model], bool] = _EVERYBODY


FLEET = Place("fleet", "/", ft.Icons.SOLAR_POWER_OUTLINED, ft.Icons.SOLAR_POWER, lambda: _("Fleet"))
ATTENTION = Place(
    "attention", "/?show=attention", ft.Icons.WARNING_AMBER_OUTLINED, ft.Icons.WARNING, lambda: _("Attention")
)
COMMANDS = Place("commands", "/commands", ft.Icons.SEND_OUTLINED, ft.Icons.SEND, lambda: _("Commands"))
MORE = Place("more", "/more", ft.Icons.MENU, ft.Icons.MENU, lambda: _("More"))
BEHIND_MORE = (
    Place(
        "dead-letters",
        "/dead-letters",
        ft.Icons.MARK_EMAIL_UNREAD_OUTLINED,
        ft.Icons.MARK_EMAIL_UNREAD,
        lambda: _("Refused messages"),
        ADMINS,
    ),
    Place("people", "/people", ft.Icons.GROUP_OUTLINED, ft.Icons.GROUP, lambda: _("People"), ADMINS),
    Place("companies", "/companies", ft.Icons.DOMAIN_OUTLINED, ft.Icons.DOMAIN, lambda: _("Companies"), _PLATFORM),
    Place("audit", "/audit", ft.Icons.HISTORY_OUTLINED, ft.Icons.HISTORY, lambda: _("Audit log"), ADMINS),
    Place("settings", "/settings", ft.Icons.SETTINGS_OUTLINED, ft.Icons.SETTINGS, lambda: _("Settings")),
)
ON_THE_RAIL = (FLEET, COMMANDS, *BEHIND_MORE)
ON_THE_BAR = (FLEET, ATTENTION, COMMANDS, MORE)


def chosen(places: tuple[Place, ...], route: str) -> int | None:
    """Which of the places an address is at, by its index."""
    path = route.partition("?")[0]
    for index, place in enumerate(places):
        if route == place.address:
            return index
    for index, place in enumerate(places):
        if place.address != "/" and path.startswith(place.address):
            return index
    if path == "/" or path.startswith("/machines"):
        return places.index(FLEET)
    return places.index(MORE) if MORE in places else None
