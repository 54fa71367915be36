"""An SMTP server on loopback that keeps every letter it is given."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class PostOffice:
    """`url` is what a setting takes; `letters` is what has come."""

    port: int = 0
    letters: asyncio.Queue[EmailMessage] = field(default_factory=asyncio.Queue)
    said: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._talk(reader, writer)
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            self.said.append(line)
            verb = line[:4].upper()
            if verb == b"DATA":
                writer.write(b"354 go on\r\n")
                body = (await reader.readuntil(b"\r\n.\r\n")).removesuffix(b".\r\n")
                self.letters.put_nowait(message_from_bytes(body, _class=EmailMessage, policy=policy.default))
            writer.write(b"250 fine\r\n" if verb != b"QUIT" else b"221 bye\r\n")
            await writer.drain()
            if verb == b"QUIT":
                return


@asynccontextmanager
async def post_office(tls: ssl.SSLContext | None = None) -> AsyncIterator[PostOffice]:
    """Open for as long as the context lasts; with `tls` it begins with it."""
    office = PostOffice()
    async with await asyncio.start_server(office.serve, "127.0.0.1", 0, ssl=tls) as server:
        office.port = server.sockets[0].getsockname()[1]
        yield office
