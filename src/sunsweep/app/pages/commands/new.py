"""One command for many machines: choose, look at what would happen, give it."""

import flet as ft

from sunsweep.app.hooks.keeping import use_made
from sunsweep.app.look.parts import back, card, empty, error_line, heading, named, quiet, section
from sunsweep.app.model import Width, use_model, watch
from sunsweep.app.pages.commands.choosing import address_of, choice_of
from sunsweep.app.pages.commands.drafting import Choosing, Draft, Looking, Ordering
from sunsweep.app.pages.commands.preview import Preview
from sunsweep.app.pages.commands.what import What
from sunsweep.app.pages.commands.which import Which
from sunsweep.app.words import _


@ft.component
def NewPage() -> ft.Control:
    model = use_model()
    session, window = watch(model.session), watch(model.window)

    def begun() -> Draft:
        choice, command = choice_of(model.page.route or "")
        return Draft(model, Choosing(choice), Ordering(command))

    draft = use_made(begun)
    if not session.may_command:
        return empty(
            ft.Icons.LOCK_OUTLINE,
            _("You may look, and not command"),
            _("Ask an administrator of your company for the role of an operator."),
        )
    title = ft.Container(heading(_("Command for many machines")), expand=True)
    head = ft.Row([back(lambda: model.go("/commands")), title])
    which = Which(draft, draft.choosing)
    what = What(draft, draft.ordering)
    look = Look(draft, draft.choosing, draft.ordering, draft.looking)
    if window.width is Width.WIDE:
        body: list[ft.Control] = [
            ft.Row(
                [
                    ft.Column(
                        [which, what],
                        expand=6,
                        spacing=12,
                        tight=True,
                        horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
                    ),
                    ft.Container(look, expand=5),
                ],
                spacing=16,
                vertical_alignment=ft.CrossAxisAlignment.START,
            )
        ]
    else:
        body = [Narrow(draft, draft.looking)]
    return named(
        "page-new-command",
        ft.Column(
            [head, *body],
            spacing=12,
            expand=True,
            scroll=ft.ScrollMode.AUTO,
            horizontal_alignment=ft.CrossAxisAlignment.STRETCH,
        ),
    )


@ft.component
def Narrow(draft: Draft, looking: Looking) -> ft.Control:
    """One below the other; what would happen takes the form's place, or nobody would see it at the end of it."""
    look = Look(draft, draft.choosing, draft.ordering, looking)
    parts = [look] if looking.answer is not None else [Which(draft, draft.choosing), What(draft, draft.ordering), look]
    return ft.Column(parts, spacing=12, tight=True, horizontal_alignment=ft.CrossAxisAlignment.STRETCH)


@ft.component
def Look(draft: Draft, choosing: Choosing, ordering: Ordering, looking: Looking) -> ft.Control:
    """First the look at what would happen, then the act."""
    model = use_model()

    async def look() -> None:
        model.go(address_of(choosing.choice, ordering.command))
        await draft.look()

    if looking.answer is not None and looking.terms is not None:
        return Preview(draft, looking)
    return card(
        section(_("Before anything moves")),
        quiet(_("See which machines are meant, and which of them would refuse it and why. Nothing is sent yet.")),
        *error_line("new-said", ordering.said),
        named(
            "new-look",
            ft.FilledButton(
                _("Look what would happen"), icon=ft.Icons.VISIBILITY_OUTLINED, on_click=look, disabled=looking.is_busy
            ),
        ),
    )
