"""What all pages share: who is signed in, what they chose, how wide the window is, and the way to the server."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

import flet as ft

from sunsweep.app.feeding import Feeding
from sunsweep.app.live.fleet import Fleet
from sunsweep.app.net.api import Api, Me
from sunsweep.app.net.server import Server
from sunsweep.app.one_time import OneTime


class Width(StrEnum):
    """The layouts: pages change only between these, not with every pixel."""

    PHONE = "phone"
    TABLET = "tablet"
    WIDE = "wide"

    @classmethod
    def of(cls, pixels: float) -> "Width":
        if pixels < 700:
            return cls.PHONE
        return cls.TABLET if pixels < 1100 else cls.WIDE


@dataclass(eq=False)
class Session(ft.Observable):
    """Who is signed in; `asked` once the server has been asked whether anybody is."""

    me: Me | None = None
    asked: bool = False
    logins: int = 0
    """How often somebody has signed in here: each has pages of its own."""
    said: str = ""
    """Why one has to sign in again, in words; empty the first time."""

    @property
    def may_command(self) -> bool:
        return self.me is not None and self.me.may_command

    @property
    def may_administer(self) -> bool:
        return self.me is not None and self.me.may_administer

    @property
    def is_platform_admin(self) -> bool:
        return self.me is not None and self.me.is_platform_admin


@dataclass(eq=False)
class Preferences(ft.Observable):
    """What the person chose for this device."""

    language: str = "en"
    theme: ft.ThemeMode = ft.ThemeMode.SYSTEM
    server: str = ""
    """Where the server is, for a window of its own."""


@dataclass(eq=False)
class Window(ft.Observable):
    """What the page is shown in."""

    width: Width = Width.WIDE
    is_dark: bool = False
    """Whether the device is set to dark."""


@dataclass(eq=False)
class Company(ft.Observable):
    """Whose machines are looked at: one's own, or the one that a platform admin has chosen."""

    id: int | None = None
    name: str = ""


async def _nowhere_else(_address: str) -> None:
    """A page in the browser has its own server."""


@dataclass(eq=False)
class Model:
    """One for each open page of the app."""

    page: ft.Page
    server: Server
    feeding: Feeding
    reach: Callable[[str], Awaitable[None]] = _nowhere_else
    """Talk to the server at another address from now on."""
    session: Session = field(default_factory=Session)
    preferences: Preferences = field(default_factory=Preferences)
    window: Window = field(default_factory=Window)
    company: Company = field(default_factory=Company)
    one_time: dict[str, OneTime] = field(default_factory=dict)
    """By serial: what was shown to this person since the page was opened."""

    @property
    def api(self) -> Api:
        return self.server.api

    @property
    def fleet(self) -> Fleet:
        """The machines of the company that is looked at."""
        return self.feeding.fleet

    def go(self, address: str) -> None:
        """To another page of the app; `address` as in the browser's bar, without `/app`."""
        self.page.navigate(address)

    def say(self, words: str) -> None:
        """A passing remark at the foot of the page."""
        self.page.show_dialog(ft.SnackBar(ft.Text(words), behavior=ft.SnackBarBehavior.FLOATING, width=420))


_Watched = TypeVar("_Watched", bound=ft.Observable)
_Here: ft.ContextProvider[Model | None] = ft.create_context(None)


def provide(model: Model, render: Callable[[], ft.Control]) -> ft.Control:
    """Everything that `render` builds can ask for the model."""
    return _Here(model, render)


def use_model() -> Model:
    """The page's model; in a component only."""
    found: Model | None = ft.use_context(_Here)
    if found is None:
        raise RuntimeError("this component is not under the root")
    return found


def watch(thing: _Watched) -> _Watched:
    """Draw the component again whenever the thing changes."""
    return ft.use_state(thing)[0]
