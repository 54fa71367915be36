"""A first viewer: the live frames of one machine, on the terminal."""

import asyncio
from typing import Final

from msgspec import json
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from sunsweep.cli.folder import Folder
from sunsweep.cli.ports import url_host
from sunsweep.server.clock import wall_clock
from sunsweep.server.db.engine import Database
from sunsweep.server.errors import ConflictError
from sunsweep.server.features.accounts import service
from sunsweep.server.features.accounts.tokens import Tokens
from sunsweep.server.settings import ServeSettings, folder_database_url

VIEWER: Final = "viewer@example.com"
FRAMES: Final = 12
RETRY_S: Final = 0.3
FOR_GOOD: Final = range(4400, 4500)


async def token_of(settings: ServeSettings, database: Database, email: str) -> str:
    """An access token of a user, for whoever may read the secret key; raises `NotFoundError`, `ConflictError`."""
    async with database.read() as session:
        user = await service.known_user(session, email)
    if user.disabled_at is not None:
        raise ConflictError(f"{email} is disabled")
    tokens = Tokens(settings.secret_key.get_secret_value(), lifetime_s=settings.access_token_s)
    return service.issue(tokens, user, now_ms=wall_clock())


async def watch(settings: ServeSettings, folder: Folder, machine_id: str) -> None:
    """Print the first frames of a machine, then leave the terminal in peace."""
    database = Database(folder_database_url(folder.path))
    try:
        token = await token_of(settings, database, VIEWER)
    except ConflictError as error:
        print(f"Nothing is shown: {error.detail}", flush=True)
        return
    finally:
        await database.close()
    url = f"ws://{url_host(settings.host)}:{settings.port}/realtime/{machine_id}"
    print(f"Live from {url}:", flush=True)
    while True:
        try:
            async with connect(url, additional_headers={"Authorization": f"Bearer {token}"}, proxy=None) as socket:
                for _ in range(FRAMES):
                    print(f"  {_short(await socket.recv())}", flush=True)
                print("  … and so on", flush=True)
                return
        except ConnectionClosed as closed:
            if closed.rcvd is not None and closed.rcvd.code in FOR_GOOD:
                print(f"  {VIEWER} may not watch it: {closed.rcvd.reason}", flush=True)
                return
            await asyncio.sleep(RETRY_S)
        except (OSError, WebSocketException):
            await asyncio.sleep(RETRY_S)


def _short(text: str | bytes) -> str:
    frame = json.decode(text)
    return f"{frame['ts'][11:19]}  {frame['type']:<13} {json.encode(frame['data']).decode()[:140]}"
