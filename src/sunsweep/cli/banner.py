"""What `sunsweep up` says once it is up."""

import shlex
import sys
from pathlib import Path
from typing import Final

from sunsweep.cli.folder import Folder
from sunsweep.cli.ports import url_host
from sunsweep.server.settings import ServeSettings

WIDE: Final = 22
UNKNOWN: Final = "(not known here: sunsweep user password EMAIL sets a new one)"


def show(settings: ServeSettings, folder: Folder, people: dict[str, str | None], machine_id: str | None) -> None:
    """Print the addresses, the logins, and how to send a first command."""
    http = f"http://{url_host(settings.host)}:{settings.port}"
    data = shlex.quote(str(folder.path))
    lines = [
        "",
        "Sunsweep is up; Ctrl-C stops it.",
        f"  app     {http}/app",
        f"  API     {http}/docs",
        f"  broker  {settings.mqtt_url}, and over WebSocket ws://{http.removeprefix('http://')}/mqtt",
        f"  data    {folder.path}",
        "",
        "Logins (kept in logins.json there):",
        *(f"  {email:<{WIDE}} {password or UNKNOWN}" for email, password in people.items()),
        "",
        *_first_steps(http, data, machine_id),
    ]
    print("\n".join(lines), flush=True)


def _first_steps(http: str, data: str, machine_id: str | None) -> list[str]:
    program = _program()
    token = f"TOKEN=$({program} user token operator@example.com --data {data})"
    if machine_id is None:
        return ["Add a first machine:", f"  {program} machine add SCM-1 --company 1 --data {data}", ""]
    return [
        "Send a first command:",
        f"  {token}",
        f'  curl -X POST {http}/api/v1/machines/{machine_id}/commands -H "Authorization: Bearer $TOKEN" \\',
        "       -H 'Content-Type: application/json' \\",
        '       -d \'{"command":"start_cleaning","params":{"speed":5,"mode":"auto"}}\'',
        f"Watch it live:  ws://{http.removeprefix('http://')}/realtime/{machine_id}?token=$TOKEN",
        "",
    ]


def _program() -> str:
    """As it was called, which works again from the same place."""
    called = sys.argv[0]
    return shlex.quote(called if Path(called).name == "sunsweep" else "sunsweep")
