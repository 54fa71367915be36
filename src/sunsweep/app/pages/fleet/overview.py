"""The list of a fleet: who is in it, counted and in an order that holds still until somebody sorts again."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from sunsweep.app.live.fleet import Change, Fleet
from sunsweep.app.pages.fleet.sorting import groups, is_sought, place
from sunsweep.app.pages.fleet.wish import Show, Wish

PAGE: Final = 50
"""Rows that are drawn at once."""


@dataclass(frozen=True, slots=True)
class News:
    """What has to be drawn again."""

    counts: bool
    rows: bool


class Overview:
    """Rows keep their place while values change; who comes to fit the filter comes last, who ceases to stays."""

    def __init__(self, fleet: Fleet, wish: Wish, *, is_complete: bool = True) -> None:
        self.fleet = fleet
        self.wish = wish
        self.counts: Counter[Show] = Counter()
        self.tags: tuple[str, ...] = ()
        self.shown: list[str] = []
        self._groups: dict[str, frozenset[Show]] = {}
        self._index: dict[str, int] = {}
        self._misplaced: set[str] = set()
        self._is_settled = is_complete
        self.sort_again()

    @property
    def is_out_of_order(self) -> bool:
        """Whether sorting again would move a row, or take one in or out."""
        return bool(self._misplaced)

    @property
    def pages(self) -> int:
        """At least one, which may be empty."""
        return max(1, -(-len(self.shown) // PAGE))

    @property
    def page(self) -> int:
        """The wished one, as far as there is one; from 1."""
        return min(self.wish.page, self.pages)

    @property
    def on_page(self) -> list[str]:
        """The serial numbers of the rows that are drawn."""
        return self.shown[(self.page - 1) * PAGE : self.page * PAGE]

    def choose(self, wish: Wish) -> bool:
        """Whether that changes who is shown, or where; another page of the same list does not sort it again."""
        before, self.wish = self.wish, wish
        if replace(before, page=1, is_map=False) != replace(wish, page=1, is_map=False):
            self.sort_again()
            return True
        return before != wish

    def sort_again(self) -> None:
        """As of now."""
        known = [machine_id for machine_id in self.fleet.order if machine_id in self.fleet.attention]
        self._count(known)
        placed = {machine_id: self._place(machine_id) for machine_id in known if self._fits(machine_id)}
        self.shown = sorted(placed, key=placed.__getitem__)
        self._index = {machine_id: index for index, machine_id in enumerate(self.shown)}
        self._misplaced.clear()

    def told(self, change: Change, *, is_complete: bool) -> News:
        """While the list of machines still comes in, it is sorted as it comes."""
        if not self._is_settled:
            self._is_settled = is_complete
            self.sort_again()
            return News(counts=True, rows=True)
        counts, shown, was_out_of_order = Counter(self.counts), len(self.shown), self.is_out_of_order
        if change.order:
            self._take_out_the_gone()
            counts = Counter()
        for machine_id in change.machine_ids & self.fleet.attention.keys():
            self._look_at(machine_id)
        rows = change.order or len(self.shown) != shown or self.is_out_of_order != was_out_of_order
        return News(counts=counts != self.counts, rows=rows)

    def _look_at(self, machine_id: str) -> None:
        self.counts.subtract(self._groups.get(machine_id, ()))
        self._groups[machine_id] = self._groups_of(machine_id)
        self.counts.update(self._groups[machine_id])
        fits, index = self._fits(machine_id), self._index.get(machine_id)
        if index is None and fits:
            index = self._index[machine_id] = len(self.shown)
            self.shown.append(machine_id)
        if index is not None and (not fits or not self._is_in_place(index)):
            self._misplaced.add(machine_id)
        else:
            self._misplaced.discard(machine_id)

    def _is_in_place(self, index: int) -> bool:
        around = self.shown[max(0, index - 1) : index + 2]
        places = [self._place(machine_id) for machine_id in around]
        return places == sorted(places)

    def _take_out_the_gone(self) -> None:
        there = self.fleet.attention
        self.shown = [machine_id for machine_id in self.shown if machine_id in there]
        self._index = {machine_id: index for index, machine_id in enumerate(self.shown)}
        self._misplaced &= there.keys()
        self._count(there)

    def _count(self, machine_ids: Iterable[str]) -> None:
        self._groups = {machine_id: self._groups_of(machine_id) for machine_id in machine_ids}
        self.counts = Counter(group for held in self._groups.values() for group in held)
        machines = self.fleet.machines
        self.tags = tuple(sorted({tag for machine_id in self._groups for tag in machines[machine_id].tags}))

    def _groups_of(self, machine_id: str) -> frozenset[Show]:
        return groups(self.fleet.machines[machine_id], self.fleet.attention[machine_id])

    def _fits(self, machine_id: str) -> bool:
        return self.wish.show in self._groups[machine_id] and is_sought(self.fleet.machines[machine_id], self.wish)

    def _place(self, machine_id: str) -> tuple[Any, ...]:
        return place(self.fleet.machines[machine_id], self.fleet.attention[machine_id], self.wish)
