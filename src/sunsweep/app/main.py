"""Entry of the app: in the browser's bundle, and as a program of its own."""

import flet as ft

from sunsweep.app import faults


@ft.component
def _hello() -> ft.Control:
    return ft.Semantics(
        identifier="hello",
        content=ft.Text("Hello from Sunsweep", size=28),
    )


def main(page: ft.Page) -> None:
    page.title = "Sunsweep"
    page.render(_hello)


if __name__ == "__main__":
    ft.run(main, before_main=faults.watch)
