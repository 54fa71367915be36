"""Requests outside the browser, through httpx."""

from collections.abc import Mapping
from typing import Any

import httpx

from sunsweep.app.net.http import TIMEOUT_S, Answer, TooSlowError, UnreachableError, query_pairs


class NativeHttp:
    """Requests to one server; keeps no cookies, because a window's login is a token."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        """`client` knows the server's URL, the proxy and the certificates, and is closed by whoever made it."""
        self._client = client

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Answer:
        try:
            answer = await self._client.request(
                method,
                path,
                params=httpx.QueryParams(tuple(query_pairs(query))),
                json=json,
                data=form,
                headers=headers,
                timeout=timeout_s,
            )
        except httpx.TimeoutException as error:
            raise TooSlowError(f"no answer within {timeout_s:g} s") from error
        except httpx.TransportError as error:
            raise UnreachableError(str(error) or type(error).__name__) from error
        return Answer(answer.status_code, answer.content, dict(answer.headers))
