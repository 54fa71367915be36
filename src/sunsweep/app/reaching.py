"""Which server is talked to: a page in the browser has its own, a window of its own may be pointed to any."""

from contextlib import AsyncExitStack
from urllib.parse import urlsplit

from sunsweep.app.feeding import Feeding
from sunsweep.app.model import Model
from sunsweep.app.net.server import Server, server
from sunsweep.app.signing import session_ended


class Way:
    """The open way to a server; one at a time."""

    def __init__(self) -> None:
        self._open = AsyncExitStack()

    async def to(self, address: str) -> Server:
        """Leaves the server before it, and whoever was signed in there."""
        await self.close()
        return await self._open.enter_async_context(server(address))

    async def close(self) -> None:
        """No request goes out any more."""
        opened, self._open = self._open, AsyncExitStack()
        await opened.aclose()


def address_of(typed: str) -> str:
    """What a person means by it: `solar.example.com` is `https://solar.example.com`. Raises `ValueError`."""
    text = typed.strip()
    parts = urlsplit(text if "://" in text else f"https://{text}")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path not in {"", "/"} or parts.query:
        raise ValueError(f"no server's address: {typed!r}")
    return f"{parts.scheme}://{parts.netloc}"


def listen(model: Model) -> None:
    """Hear when the server in use takes the login no longer."""

    def ended() -> None:
        model.page.run_task(session_ended, model)

    model.api.session.on_signed_out = ended


async def reach(model: Model, way: Way, address: str) -> None:
    """Talk to the server at `address` from now on."""
    if address == model.server.address:
        return
    model.feeding.close()
    model.server = await way.to(address)
    model.feeding = Feeding(model.page, model.server)
    listen(model)
