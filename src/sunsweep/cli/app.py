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
        from flet.utils import get_bool_env_var, is_linux_server  # noqa: PLC0415

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
    is_headless: bool = is_linux_server()  # type: ignore[no-untyped-call]  # it has no types
    if is_headless and not get_bool_env_var("FLET_FORCE_WEB_SERVER"):
        raise fail(
            "there is no screen here for a window; in a browser the app is at the server's own address, under /app"
        )
    flet.run(main, before_main=faults.watch, host="127.0.0.1", web_renderer=flet.WebRenderer.CANVAS_KIT, no_cdn=True)
