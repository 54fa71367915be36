"""The audit log: who did what, when, and what was refused."""

from dataclasses import replace

import flet as ft

from sunsweep.app.hooks.components import keyed
from sunsweep.app.hooks.reading import use_reading
from sunsweep.app.look.deeds import ACTIONS, OUTCOMES, action_words, actor_words, object_words, outcome_words
from sunsweep.app.look.lists import PAGE, admins_only, choice, framed, paging, sought, unfolding
from sunsweep.app.look.parts import empty, heading, named, not_yet, quiet
from sunsweep.app.look.refusals import problem_words
from sunsweep.app.look.when import told
from sunsweep.app.model import Model, Width, use_model, watch
from sunsweep.app.pages.audit.entries import DAYS, Entry, Wish, detail_lines, entry, wish_of
from sunsweep.app.words import _, is_rtl, isolate, listed, ngettext

ELLIPSIS = ft.TextOverflow.ELLIPSIS
Found = tuple[list[Entry], str]


@ft.component
def AuditPage() -> ft.Control:
    session = watch(use_model().session)
    if not session.may_administer:
        return admins_only()
    return Entries()


@ft.component
def Entries() -> ft.Control:
    model = use_model()
    company = watch(model.company)
    ft.use_route_location()
    wish = wish_of(model.page.route or "")

    async def read() -> Found:
        page = await model.api.audit(
            actor=wish.actor or None,
            action=wish.action or None,
            outcome=wish.outcome or None,
            object=wish.object or None,
            from_=wish.begin(model.server.clock.now_ms()),
            cursor=wish.before,
            limit=PAGE,
        )
        return [entry(item) for item in page.items], page.next_cursor or ""

    reading = use_reading(read, [company.id, wish])
    found = reading.found
    again = ft.IconButton(ft.Icons.REFRESH, tooltip=_("Read again"), on_click=reading.again)
    parts: list[ft.Control] = [
        ft.Row([ft.Container(heading(_("Audit log")), expand=True), named("audit-again", again)]),
        _filters(model, wish),
    ]
    if found is None:
        parts.append(not_yet(reading.trouble, reading.again))
    elif not found[0]:
        everything = named("audit-all", ft.FilledTonalButton(_("Show all"), on_click=lambda: model.go(Wish().address)))
        parts.append(empty(ft.Icons.HISTORY_TOGGLE_OFF, _("No such entry"), _("The filters leave none."), everything))
    else:
        parts += [
            framed("audit-entries", [keyed(EntryRow, str(one.id))(one) for one in found[0]]),
            paging(
                model,
                replace(wish, before="").address if wish.before else "",
                replace(wish, before=found[1]).address if found[1] else "",
            ),
        ]
    return named("page-audit", ft.Column(parts, spacing=12, expand=True, scroll=ft.ScrollMode.AUTO))


def _filters(model: Model, wish: Wish) -> ft.Control:
    def days_words(days: int) -> str:
        return ngettext("The last {n} day", "The last {n} days", days).format(n=days)

    return ft.Row(
        [
            choice(
                "audit-days",
                _("Any time"),
                wish.days,
                [(str(days), days_words(days)) for days in DAYS],
                lambda days: model.go(replace(wish, days=days, before="").address),
            ),
            choice(
                "audit-outcome",
                _("Done and refused"),
                wish.outcome,
                [(outcome, outcome_words(outcome)) for outcome in OUTCOMES],
                lambda outcome: model.go(replace(wish, outcome=outcome, before="").address),
            ),
            choice(
                "audit-action",
                _("All actions"),
                wish.action,
                [(action, action_words(action)) for action in ACTIONS],
                lambda action: model.go(replace(wish, action=action, before="").address),
            ),
            sought(
                "audit-actor",
                _("By whom"),
                wish.actor,
                lambda actor: model.go(replace(wish, actor=actor, before="").address),
            ),
            sought(
                "audit-object",
                _("To what"),
                wish.object,
                lambda what: model.go(replace(wish, object=what, before="").address),
                hint="machine SCM-1",
            ),
        ],
        wrap=True,
        spacing=10,
        run_spacing=8,
        vertical_alignment=ft.CrossAxisAlignment.CENTER,
    )


@ft.component
def EntryRow(one: Entry) -> ft.Control:
    """A press opens it: what exactly was changed, or why it was refused."""
    model = use_model()
    is_phone = watch(model.window).width is Width.PHONE
    is_open, set_open = ft.use_state(False)
    is_refused = one.outcome == "refused"
    time = ft.Text(told(model, one.at, seconds=True), color=ft.Colors.ON_SURFACE_VARIANT, no_wrap=True)
    deed: list[ft.Control] = [
        ft.Text(action_words(one.action), weight=ft.FontWeight.W_500, max_lines=2, overflow=ELLIPSIS)
    ]
    if is_refused:
        deed.append(ft.Text(_refusal(one), color=ft.Colors.ERROR, max_lines=2, overflow=ELLIPSIS))
    who = ft.Text(actor_words(one.actor_kind, one.actor), no_wrap=True, overflow=ELLIPSIS)
    what = ft.Text(object_words(one.object), no_wrap=True, overflow=ELLIPSIS)
    icon = ft.Icon(
        ft.Icons.BLOCK if is_refused else ft.Icons.CHECK,
        color=ft.Colors.ERROR if is_refused else ft.Colors.PRIMARY,
        size=20,
        tooltip=outcome_words(one.outcome),
    )
    line: list[ft.Control] = [icon]
    if is_phone:
        who.color = ft.Colors.ON_SURFACE_VARIANT
        lines = [*deed, *([what] if one.object else []), ft.Row([ft.Container(who, expand=True), time], spacing=8)]
        line.append(ft.Column(lines, spacing=2, expand=True, tight=True))
    else:
        line += [
            ft.Column(deed, spacing=2, expand=4, tight=True),
            ft.Container(what, expand=3),
            ft.Container(who, expand=3),
            ft.Container(time, width=150),
        ]
    return unfolding(f"entry-{one.id}", line, _inside(one) if is_open else None, lambda: set_open(not is_open))


def _refusal(one: Entry) -> str:
    code = str(one.detail.get("code", ""))
    if (one.action, code) == ("login", "unauthenticated"):
        return listed([outcome_words(one.outcome), _("E-mail address or password is wrong.")])
    return listed([outcome_words(one.outcome), problem_words(code)]) if code else outcome_words(one.outcome)


def _inside(one: Entry) -> ft.Control:
    arrow = "←" if is_rtl() else "→"
    lines: list[ft.Control] = []
    for name, old, new in detail_lines(one.detail):
        value = isolate(old) if new is None else f"{isolate(old)} {arrow} {isolate(new)}"
        lines.append(_line(isolate(name), value))
    lines.append(_line(_("Address"), isolate(one.address) if one.address else _("unknown")))
    return ft.Container(
        ft.Column(lines, spacing=4, tight=True),
        padding=ft.Padding.symmetric(horizontal=46, vertical=8),
        bgcolor=ft.Colors.SURFACE_CONTAINER_LOW,
    )


def _line(label: str, words: str) -> ft.Control:
    return ft.Row(
        [ft.Container(quiet(label), width=120), ft.Text(words, selectable=True, expand=True)],
        vertical_alignment=ft.CrossAxisAlignment.START,
    )
