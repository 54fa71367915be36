"""The commands of the machine whose page is open: read from the API, the newest first, and kept up by the socket."""

from collections.abc import Callable
from typing import Final

from sunsweep.app.live.command_book import CommandBook, Told
from sunsweep.app.net.api import Api
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.trouble import in_words

PAGE: Final = 20


class Shelf:
    """`tell` is called when something is to be drawn again."""

    def __init__(self, api: Api, machine_id: str, tell: Callable[[], None]) -> None:
        self.book = CommandBook()
        self.older_cursor = ""
        self.is_read = False
        """Whether the newest have been read; until then an empty list says nothing."""
        self.said = ""
        """Why that did not work, in words."""
        self._api = api
        self._machine_id = machine_id
        self._tell = tell

    @property
    def newest(self) -> Told | None:
        ids = self.book.ids()
        return self.book.get(ids[0]) if ids else None

    async def read(self) -> None:
        """The newest page."""
        await self._read("")

    async def read_older(self) -> None:
        """The page after the oldest that is here."""
        await self._read(self.older_cursor)

    async def read_life(self, command_id: str) -> None:
        """Every step of one, as the server has written it down; what is known stays where it cannot be asked."""
        try:
            self.book.take_rows([await self._api.command(self._machine_id, command_id)])
        except (Refused, Away):
            return
        self._tell()

    async def _read(self, cursor: str) -> None:
        try:
            page = await self._api.commands(self._machine_id, cursor=cursor, limit=PAGE)
        except (Refused, Away) as trouble:
            self.said = in_words(trouble)
        else:
            self.book.take_rows(page.items)
            self.older_cursor = page.next_cursor or ""
            self.is_read, self.said = True, ""
        self._tell()
