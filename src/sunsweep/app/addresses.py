"""What an address asks for after its question mark: a page's tab, span and filters, for people to send on."""

from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

_KEPT_AS_THEY_ARE: Final = ":/,"


def asked(route: str, name: str, default: str = "") -> str:
    """The last value that the address has for a name."""
    return dict(parse_qsl(urlsplit(route).query)).get(name, default)


def asking(route: str, **changes: str) -> str:
    """The address with other values; an empty one takes its name out."""
    parts = urlsplit(route)
    query = dict(parse_qsl(parts.query)) | changes
    left = urlencode({name: value for name, value in query.items() if value}, safe=_KEPT_AS_THEY_ARE)
    return parts.path + (f"?{left}" if left else "")
