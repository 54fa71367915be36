"""What the person chose on this device, over restarts: language, theme, and the server of a window of its own."""

from typing import Final

import flet as ft

from sunsweep.app.model import Preferences
from sunsweep.app.words.choice import choose, device_languages

_LANGUAGE: Final = "sunsweep.language"
_THEME: Final = "sunsweep.theme"
_SERVER: Final = "sunsweep.server"
_COMPANY: Final = "sunsweep.company"


async def kept_preferences() -> Preferences:
    """As they were left; else as the device has them."""
    kept = ft.SharedPreferences()
    language, theme, server = [await kept.get(name) for name in (_LANGUAGE, _THEME, _SERVER)]
    is_known = theme in {mode.value for mode in ft.ThemeMode}
    return Preferences(
        language=choose(language if isinstance(language, str) else None, device_languages()),
        theme=ft.ThemeMode(theme) if is_known else ft.ThemeMode.SYSTEM,
        server=server if isinstance(server, str) else "",
    )


async def keep(preferences: Preferences) -> None:
    """For the next time that the app is opened here."""
    kept = ft.SharedPreferences()
    await kept.set(_LANGUAGE, preferences.language)
    await kept.set(_THEME, preferences.theme.value)
    await kept.set(_SERVER, preferences.server)


async def kept_company() -> int | None:
    """Which company a platform admin looked at last on this device."""
    kept = await ft.SharedPreferences().get(_COMPANY)
    return kept if isinstance(kept, int) else None


async def keep_company(company_id: int) -> None:
    """For the next time that the app is opened here."""
    await ft.SharedPreferences().set(_COMPANY, company_id)
