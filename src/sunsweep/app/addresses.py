"""What an address asks for after its question mark: a page's tab, span and filters, for people to send on."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

_KEPT_AS_THEY_ARE: Final = ":/,"


def asked(route: str, name: str, default: str = "") -> str:
    """The last value that the address has for a name."""
    return dict(parse_qsl(urlsplit(route).query)).get(name, default)


def all_asked(route: str, name: str) -> list[str]:
    """Each value that the address has for a name."""
    return [value for known, value in parse_qsl(urlsplit(route).query) if known == name]


def asking(route: str, **changes: str) -> str:
    """The address with other values; an empty one takes its name out."""
    parts = urlsplit(route)
    return address(parts.path, **(dict(parse_qsl(parts.query)) | changes))


def address(path: str, **said: str | Iterable[str]) -> str:
    """As short as it can be: what is empty is not said. A name with several values is said once for each."""
    pairs = [(name, one) for name, values in said.items() for one in ([values] if isinstance(values, str) else values)]
    query = urlencode([(name, one) for name, one in pairs if one], safe=_KEPT_AS_THEY_ARE)
    return path + (f"?{query}" if query else "")
