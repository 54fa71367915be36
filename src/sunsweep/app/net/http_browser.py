"""Requests in the browser, through its `fetch`: same origin, so that the login's cookies go along by themselves."""

import asyncio
import json as encoding
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from js import location
from pyodide.http import AbortError, pyfetch

from sunsweep.app.net.http import TIMEOUT_S, Answer, TooSlowError, UnreachableError, query_pairs


class BrowserHttp:
    """Requests to the server that the page comes from."""

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
        pairs = query_pairs(query)
        # Whole, because a relative address is one of the worker's script.
        url = f"{location.origin}{path}{'?' if pairs else ''}{urlencode(pairs)}"
        options: dict[str, Any] = {"method": method, "cache": "no-store", "redirect": "error"}
        sent = dict(headers or {})
        if json is not None:
            options["body"] = encoding.dumps(json)
            sent["content-type"] = "application/json"
        elif form is not None:
            options["body"] = urlencode(form)
            sent["content-type"] = "application/x-www-form-urlencoded"
        try:
            # Cancelling the wait aborts the fetch as well, also while the body comes.
            async with asyncio.timeout(timeout_s):
                answer = await pyfetch(url, headers=sent, **options)
                body = await answer.bytes()
        except TimeoutError as error:
            raise TooSlowError(f"no answer within {timeout_s:g} s") from error
        except AbortError as error:
            raise UnreachableError(str(error)) from error
        return Answer(answer.status, body, answer.headers)
