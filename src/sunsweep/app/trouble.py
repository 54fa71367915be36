"""What went wrong, in words for a person."""

from sunsweep.app.net.errors import Away, Refused, Why
from sunsweep.app.words import N_, _, gettext

_AWAY = {
    Why.NETWORK: N_("The server cannot be reached. Please try again."),
    Why.TIMEOUT: N_("The server did not answer in time. Please try again."),
    Why.BUSY: N_("The server cannot do this right now. Please try again in a moment."),
    Why.SERVER: N_("The server made a mistake; it is in its log. Please try again."),
}
_REFUSED = {
    401: N_("Your login has ended. Please sign in again."),
    403: N_("You may not do this."),
    404: N_("There is no such thing here."),
    429: N_("Too often: please wait a little."),
}


def in_words(trouble: Refused | Away) -> str:
    """The server's own words where it has any: they name the rule, the value and the limit."""
    if isinstance(trouble, Away):
        return gettext(_AWAY[trouble.why])
    return trouble.detail or gettext(_REFUSED.get(trouble.status, "")) or trouble.title or _("This was refused.")
