"""The parts of the machine's page, as its address names them."""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from sunsweep.app.words import _


class Tab(StrEnum):
    LIVE = "live"
    HISTORY = "history"
    COMMANDS = "commands"
    LEDGER = "ledger"
    SETUP = "setup"


TAB_WORDS: Final[dict[Tab, Callable[[], str]]] = {
    Tab.LIVE: lambda: _("Now"),
    Tab.HISTORY: lambda: _("History"),
    Tab.COMMANDS: lambda: _("Commands"),
    Tab.LEDGER: lambda: _("Ledger"),
    Tab.SETUP: lambda: _("Setup"),
}


def tab_of(name: str) -> Tab:
    """What is no tab is the first one."""
    return Tab(name) if name in set(Tab) else Tab.LIVE


def tabs(*, is_wide: bool) -> tuple[Tab, ...]:
    """Where there is room, values, history and commands stand on one."""
    return (Tab.LIVE, Tab.LEDGER, Tab.SETUP) if is_wide else tuple(Tab)
