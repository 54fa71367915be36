"""Calls of one login: renewed when it is due, ended once, and each failure by its name."""

import asyncio
import json as encoding
import time
from collections.abc import Callable, Mapping
from typing import Any

from sunsweep.app.net.errors import Away, Refused, Why, failure
from sunsweep.app.net.http import TIMEOUT_S, Answer, Http, TooSlowError, UnreachableError
from sunsweep.app.net.login import ROOT, UNAUTHENTICATED, Login
from sunsweep.app.net.server_clock import ServerClock
from sunsweep.app.net.turns import InTurn, alone


class Session:
    """One login's calls. `on_signed_out` is called once, when a login that stood is found to have ended."""

    def __init__(
        self,
        http: Http,
        login: Login,
        *,
        clock: ServerClock,
        on_signed_out: Callable[[], None] = lambda: None,
        in_turn: InTurn = alone,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.clock = clock
        self.login = login
        self.on_signed_out = on_signed_out
        self._http = http
        self._in_turn = in_turn
        self._monotonic = monotonic
        self._stands = False
        self._step = 0
        """How often the login was begun or renewed: a 401 of an earlier step needs no renewal any more."""
        self._renewing: asyncio.Task[bool] | None = None

    async def begin(self, email: str, password: str) -> None:
        """Log in; raises `Refused` (401: wrong, 429: wait), `Away`."""
        answer = await self._reached(self.login.begin(self._http, email, password))
        if answer.status >= 400:
            raise failure(answer)
        self._stands = True
        self._step += 1

    async def renew(self) -> bool:
        """Whether the login stands, renewed if it was due; raises `Away`, `Refused`."""
        return await self._renew(self._step)

    async def answer(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Answer:
        """The answer below 400 of a path under `/api/v1`; raises `Refused`, `Away`."""

        async def ask() -> Answer:
            carried = {**(headers or {}), **self.login.headers(method)}
            asked_s = self._monotonic()
            answer = await self._reached(
                self._http.request(method, ROOT + path, query=query, json=json, headers=carried, timeout_s=timeout_s)
            )
            self.clock.told_date(answer.headers.get("date"), asked_s=asked_s)
            return answer

        step = self._step
        answer = await ask()
        if answer.status == UNAUTHENTICATED and await self._renew(step):
            answer = await ask()
        if answer.status >= 400:
            raise failure(answer)
        self._stands = True
        return answer

    async def json(self, method: str, path: str, **more: Any) -> Any:
        """The same, read; None where the answer has no body."""
        body = (await self.answer(method, path, **more)).body
        if not body:
            return None
        try:
            return encoding.loads(body)
        except ValueError as error:
            raise Away(Why.SERVER, "the answer is no JSON") from error

    async def end(self) -> None:
        """Log out everywhere; an ended login is forgotten, whatever the server says."""
        try:
            await self.answer("POST", "/auth/logout")
        except Refused as refusal:
            if refusal.status != UNAUTHENTICATED:
                raise
        self.forget()

    def forget(self) -> None:
        """The login has ended, as its user wished."""
        self.login.forget()
        self._stands = False

    async def _renew(self, step: int) -> bool:
        """One renewal for all who find at the same time that it is due."""
        if step != self._step:
            return True
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._renew_in_turn(), name="renew-login")
            self._renewing.add_done_callback(self._renewed)
        # Who stops waiting does not stop it: a renewal under way is spent.
        return await asyncio.shield(self._renewing)

    def _renewed(self, task: asyncio.Task[bool]) -> None:
        self._renewing = None
        if not task.cancelled():
            task.exception()  # told to those who wait; nobody may be left

    async def _renew_in_turn(self) -> bool:
        found = False

        async def work() -> None:
            nonlocal found
            found = await self.login.renew(self._http)

        try:
            await self._in_turn(work)
        except UnreachableError as error:
            raise _away(error) from error
        if found:
            self._step += 1
        elif self._stands:
            self.forget()
            self.on_signed_out()
        return found

    async def _reached(self, asking: Any) -> Answer:
        try:
            answer: Answer = await asking
        except UnreachableError as error:
            raise _away(error) from error
        return answer


def _away(error: UnreachableError) -> Away:
    return Away(Why.TIMEOUT if isinstance(error, TooSlowError) else Why.NETWORK, str(error))
