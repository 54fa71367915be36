"""One-time links with which a person sets a password: mailed, or handed over by an admin."""

from typing import Final, NamedTuple

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from sunsweep.server.clock import Clock
from sunsweep.server.db.engine import DATABASE_AWAY, Database
from sunsweep.server.db.models import PasswordReset, User
from sunsweep.server.errors import ConflictError, NotFoundError, TooManyTriesError
from sunsweep.server.features.accounts import lockout, login_repository, opaque, renewal, repository
from sunsweep.server.features.accounts.gate import Gate
from sunsweep.server.features.accounts.mail import Mailer, MailError
from sunsweep.server.features.accounts.passwords import hash_password, require_good
from sunsweep.server.features.accounts.renewal import Note, unnoted
from sunsweep.server.features.accounts.service import replace_password
from sunsweep.server.features.accounts.tokens import Tokens

log = structlog.get_logger(__name__)

MAILED_S: Final = 3600
HANDED_S: Final = 86_400
"""It goes from hand to hand."""
_TEXT: Final = """Somebody, probably you, asked for a new password for {email} at Sunsweep.

Set it here within an hour:

{url}

If it was not you, nothing has changed, and nothing needs to be done.
"""


class Link(NamedTuple):
    """Shown this once."""

    url: str
    expires_at: int


async def make_link(session: AsyncSession, user: User, public_url: str, *, life_s: int, now_ms: int) -> Link:
    """Raises `ConflictError` for a disabled user."""
    if user.disabled_at is not None:
        raise ConflictError(f"{user.email} is disabled")
    token, expires_at = opaque.draw(), now_ms + life_s * 1000
    session.add(PasswordReset(token_hash=opaque.digest(token), user_id=user.id, expires_at=expires_at))
    await session.flush()
    return Link(f"{public_url}/app/reset?token={token}", expires_at)


async def mail_link(
    database: Database,
    mailer: Mailer,
    gate: Gate,
    email: str,
    address: str,
    public_url: str,
    *,
    note: Note = unnoted,
    now_ms: Clock,
) -> None:
    """Done after the answer, which tells nobody whether there is such a user; what fails is for our log."""
    subjects = (lockout.of_reset(email), lockout.of_reset_network(address))
    try:
        async with gate.passing():
            await lockout.take(database, subjects, now_ms=now_ms())
            async with database.write() as session:
                user = await repository.user_by_email(session, email)
                if user is None or user.disabled_at is not None:
                    return
                link = await make_link(session, user, public_url, life_s=MAILED_S, now_ms=now_ms())
                await note(session, user)
            text = _TEXT.format(email=user.email, url=link.url)
            await mailer.send(user.email, "A new password for Sunsweep", text)
    except TooManyTriesError:
        log.debug("a reset link was asked for too often")
    except (MailError, *DATABASE_AWAY) as error:
        log.warning("a reset link could not be mailed", error=str(error))


async def confirm(
    database: Database, tokens: Tokens, gate: Gate, token: str, password: str, *, note: Note = unnoted, now_ms: Clock
) -> renewal.Login:
    """Spend the link for a new password and a login; raises `NotFoundError`, `InvalidError`."""
    token_hash = opaque.digest(token)
    async with database.read() as session:
        shown = await login_repository.reset(session, token_hash, now_ms=now_ms())
        user = await repository.user_by_id(session, shown.user_id) if shown is not None else None
    if user is None or user.disabled_at is not None:
        raise _no_good()
    require_good(password, user.email, field="password")
    async with gate.passing():
        password_hash = await hash_password(password)
    async with database.write() as session:
        now = await repository.lock_user(session, user.id)
        # Of two who come at once, the second finds the link gone.
        unspent = await login_repository.reset(session, token_hash, now_ms=now_ms())
        if now is None or now.disabled_at is not None or unspent is None:
            raise _no_good()
        await replace_password(session, now, password_hash)
        await note(session, now)
        return await renewal.begin(session, tokens, now, now_ms=now_ms())


def _no_good() -> NotFoundError:
    return NotFoundError("this link is wrong, used or expired; ask for a new one")
