"""Who is signed in: asked at the start, changed by the login page, ended by the server or the person."""

from contextlib import suppress

from sunsweep.app.model import Model
from sunsweep.app.net.api import Json
from sunsweep.app.net.errors import Away, Refused
from sunsweep.app.preferences import keep_company, kept_company
from sunsweep.app.words import _


async def look_who(model: Model) -> None:
    """At the start: an earlier login may still be good. Without a server to ask, one signs in anew."""
    try:
        with suppress(Refused, Away):
            await _enter(model)
    finally:
        model.session.asked = True


async def sign_in(model: Model, email: str, password: str) -> None:
    """Raises `Refused` (401: wrong) and `Away`."""
    await model.api.log_in(email, password)
    await _enter(model)


async def sign_out(model: Model) -> None:
    """Also where the server cannot be told: then its cookie ends by time."""
    with suppress(Refused, Away):
        await model.api.log_out()
    await signed_out(model, "")


async def signed_out(model: Model, why: str) -> None:
    """The login page comes, and the address stays for whoever signs in next."""
    model.feeding.close()
    model.one_time.clear()
    model.session.said = why
    model.session.me = None


async def session_ended(model: Model) -> None:
    """The server takes the login no longer."""
    await signed_out(model, _("Your login has ended. Please sign in again."))


async def _enter(model: Model) -> None:
    me = await model.api.me()
    if me.company_id is None:
        if model.company.id is None:
            model.company.id = await kept_company()
        await choose_company(model, await model.api.companies())
    else:
        model.api.company_id = None
        model.company.id, model.company.name = me.company_id, me.company
    model.session.said = ""
    model.session.me = me
    model.session.logins += 1
    model.feeding.open()


async def look_at(model: Model, company: Json) -> None:
    """A platform admin turns to another company: everything shown is of this one from now on."""
    model.company.id, model.company.name = company["company_id"], company["name"]
    model.api.company_id = model.company.id
    model.feeding.open()
    await keep_company(company["company_id"])


async def choose_company(model: Model, companies: list[Json]) -> None:
    """A platform admin looks at one company at a time: the one of before, or the first."""
    chosen = next(
        (one for one in companies if one["company_id"] == model.company.id), companies[0] if companies else None
    )
    model.company.id, model.company.name = (None, "") if chosen is None else (chosen["company_id"], chosen["name"])
    model.api.company_id = model.company.id
