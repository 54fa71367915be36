"""Where the app starts: in the browser's bundle, and as a program with a window of its own."""

import flet as ft

from sunsweep.app import faults
from sunsweep.app.opening import open_model
from sunsweep.app.root import Root, dress


async def main(page: ft.Page) -> None:
    """Draw the app; all of it follows the model from here on."""
    page.title = "Sunsweep"
    page.padding = 0
    model = await open_model(page)
    dress(page, model.preferences)
    page.render(lambda: Root(model))


if __name__ == "__main__":
    ft.run(main, before_main=faults.watch)
