"""The OpenAPI document of the REST interface, beside the contract of the wire."""

import sys
from collections.abc import Iterator

from sunsweep.contract.published import Document, command, pretty
from sunsweep.server.api import bare_app
from sunsweep.server.settings import Role


def documents() -> Iterator[Document]:
    """REST as OpenAPI 3.1."""
    yield "openapi.json", pretty(bare_app(roles=frozenset(Role)).openapi())


if __name__ == "__main__":
    sys.exit(command("python -m sunsweep.server.openapi", documents))
