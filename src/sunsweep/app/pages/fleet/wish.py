"""What somebody wants to see of the fleet, as it stands in the address."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from sunsweep.app import addresses


class Show(StrEnum):
    """The counts that filter."""

    ALL = "all"
    ATTENTION = "attention"
    WORKING = "working"
    IDLE = "idle"
    OFFLINE = "offline"


class Column(StrEnum):
    """What can be sorted by."""

    ATTENTION = "attention"
    NAME = "name"
    BATTERY = "battery"
    SOLAR = "solar"
    WATER = "water"
    HEARD = "heard"


MAP: Final = "map"


@dataclass(frozen=True, slots=True)
class Wish:
    """`page` counts from 1; `is_map` where list and map share one place."""

    show: Show = Show.ALL
    q: str = ""
    tag: str = ""
    sort: Column = Column.ATTENTION
    is_reversed: bool = False
    page: int = 1
    is_map: bool = False

    def address(self) -> str:
        """As short as it can be: what is usual is not said."""
        return addresses.address(
            "/",
            show="" if self.show is Show.ALL else self.show.value,
            q=self.q,
            tag=self.tag,
            sort=self._sort(),
            page=str(self.page) if self.page > 1 else "",
            view=MAP if self.is_map else "",
        )

    def sorted_by(self, column: Column) -> "Wish":
        """The other way round, where it is sorted by that column already."""
        again = self.sort is column and not self.is_reversed
        return replace(self, sort=column, is_reversed=again, page=1)

    def _sort(self) -> str:
        usual = self.sort is Column.ATTENTION and not self.is_reversed
        return "" if usual else ("-" if self.is_reversed else "") + self.sort.value


def wish_of(address: str) -> Wish:
    """What an address asks for; what it says wrongly is as if it were not said."""
    show, sort, page = (addresses.asked(address, name) for name in ("show", "sort", "page"))
    column = sort.removeprefix("-")
    is_column = column in set(Column)
    return Wish(
        show=Show(show) if show in set(Show) else Show.ALL,
        q=addresses.asked(address, "q"),
        tag=addresses.asked(address, "tag"),
        sort=Column(column) if is_column else Column.ATTENTION,
        is_reversed=is_column and sort.startswith("-"),
        page=max(1, int(page)) if page.isascii() and page.isdigit() and len(page) < 7 else 1,
        is_map=addresses.asked(address, "view") == MAP,
    )
