"""Where a packaged app starts."""

import flet as ft

from sunsweep.app import faults
from sunsweep.app.main import main

ft.run(main, before_main=faults.watch)
