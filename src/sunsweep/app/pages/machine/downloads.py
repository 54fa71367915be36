"""The history of a span as a file."""

from typing import Final

import flet as ft

from sunsweep.app.look.parts import named
from sunsweep.app.model import use_model
from sunsweep.app.net.server import IN_BROWSER
from sunsweep.app.pages.machine.charts.reading import rfc3339
from sunsweep.app.pages.machine.charts.spans import Span, window
from sunsweep.app.words import N_, _, gettext, isolate

_FILES: Final = (
    ("csv", "raw", N_("CSV, every measurement")),
    ("csv", "1h", N_("CSV, by the hour")),
    ("parquet", "raw", N_("Parquet, every measurement")),
    ("parquet", "1h", N_("Parquet, by the hour")),
)


@ft.component
def Downloads(machine_id: str, span: Span) -> ft.Control:
    """The browser downloads by itself, with its login; a program of its own leaves it to the browser."""
    model = use_model()

    async def fetch(kind: str, resolution: str) -> None:
        seen = window(span, model.server.clock.now_ms())
        path = model.api.export_path(
            machine_id, kind, from_=rfc3339(seen.begin_ms), to=rfc3339(seen.end_ms), resolution=resolution
        )
        await ft.UrlLauncher().launch_url(model.server.address + path, web_only_window_name="_self")
        if not IN_BROWSER:
            address = isolate(f"{model.server.address}/app")
            model.say(_("Your browser fetches the file; it must be signed in at {address}.").format(address=address))

    def item(kind: str, resolution: str, message: str) -> ft.PopupMenuItem:
        async def chosen() -> None:
            await fetch(kind, resolution)

        return ft.PopupMenuItem(
            content=named(f"download-{kind}-{resolution}", ft.Text(gettext(message))), on_click=chosen
        )

    return named(
        "history-download",
        ft.PopupMenuButton(
            content=ft.Row(
                [ft.Icon(ft.Icons.DOWNLOAD, color=ft.Colors.PRIMARY), ft.Text(_("Download"), color=ft.Colors.PRIMARY)],
                spacing=8,
                tight=True,
            ),
            items=[item(*file) for file in _FILES],
            tooltip=_("The history of this span as a file"),
        ),
    )
