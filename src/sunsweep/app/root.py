"""The whole app: the page of the address, in the language and colours that were chosen."""

import flet as ft

from sunsweep.app.look.theme import DARK, LIGHT, theme
from sunsweep.app.model import Model, Preferences, Width, provide, watch
from sunsweep.app.routes import Pages
from sunsweep.app.words import is_rtl, use


def dress(page: ft.Page, preferences: Preferences) -> None:
    """The page's colours and direction; before the first drawing too, so that it has no others for a moment."""
    page.theme, page.dark_theme = theme(LIGHT), theme(DARK)
    page.theme_mode = preferences.theme
    # Dialogs and menus lie over the frame: their direction is that of the page's language.
    locale = ft.Locale(preferences.language)
    page.locale_configuration = ft.LocaleConfiguration([locale], locale)


@ft.component
def Root(model: Model) -> ft.Control:
    preferences, session, window = watch(model.preferences), watch(model.session), watch(model.window)
    page = model.page

    def follow_window(event: ft.PageResizeEvent) -> None:
        window.width = Width.of(event.width)

    def follow_device() -> None:
        # The event itself comes without what it is typed with.
        window.is_dark = page.platform_brightness is ft.Brightness.DARK

    def begin() -> None:
        window.width = Width.of(page.width or 1280)
        follow_device()
        page.on_resize = follow_window
        page.on_platform_brightness_change = follow_device

    def dress_again() -> None:
        dress(page, preferences)
        page.update()

    ft.use_effect(begin, [])
    ft.use_effect(dress_again, [preferences.theme, preferences.language])
    use(preferences.language)

    def frame() -> ft.Control:
        return _frame(preferences.language, session.logins)

    return provide(model, frame)


def _frame(language: str, login: int) -> ft.Control:
    # Another language is another tree: no text of the old one stays. So is another login: nothing that was open under
    # the one before, and has been closed with it, is taken up again.
    return ft.Container(key=f"{language}-{login}", content=Pages(), expand=True, rtl=is_rtl(language))
