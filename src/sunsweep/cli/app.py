"""The app as a window of its own."""

import os
from typing import Annotated

import typer

from sunsweep.cli.plainly import fail


def app(
    server: Annotated[str | None, typer.Option(help="address of the server, such as https://solar.example.com")] = None,
) -> None:
    """Open the app in a window of its own, against any server; the login page asks which, and remembers it.

    The first start fetches Flutter's window from Flet's releases.
    """
    try:
        import flet  # noqa: PLC0415  it takes a second, and a server need not have it

        from sunsweep.app import faults  # noqa: PLC0415
        from sunsweep.app.main import main  # noqa: PLC0415
        from sunsweep.app.opening import SERVER_VARIABLE  # noqa: PLC0415
        from sunsweep.app.reaching import address_of  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise fail(f"the app is not installed ({error.name} is missing): pip install 'sunsweep[app]'") from error
    if server is not None:
        try:
            os.environ[SERVER_VARIABLE] = address_of(server)
        except ValueError:
            raise fail(
                f"--server {server}: this is no server's address; it looks like https://solar.example.com"
            ) from None
    flet.run(main, before_main=faults.watch)
