"""The public REST API, one method a route.

What comes back is the JSON of the route, described in `docs/openapi.json`; every call raises `Refused` and `Away`.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode
from uuid import uuid4

from sunsweep.app.net.http import Http, UnreachableError
from sunsweep.app.net.login import ROOT
from sunsweep.app.net.session import Session

Json = dict[str, Any]

PAGE: Final = 1000
"""Items; the most that a page of a list may have."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list, and where the next begins; None: it was the last."""

    items: list[Json]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Me:
    """Who is logged in. A platform admin has no company: `Api.company_id` is the one that is looked at."""

    email: str
    role: str
    company_id: int | None
    company: str

    @property
    def may_command(self) -> bool:
        return self.role != "viewer"

    @property
    def may_administer(self) -> bool:
        return self.role in {"admin", "platform_admin"}

    @property
    def is_platform_admin(self) -> bool:
        return self.role == "platform_admin"


def new_key() -> str:
    """An `Idempotency-Key`: drawn when somebody decides, and used again until the answer is known."""
    return str(uuid4())


class Api:
    """Calls of one login; `company_id` goes along with each that asks about a company."""

    def __init__(self, http: Http, session: Session, *, company_id: int | None = None) -> None:
        self.session = session
        self.company_id = company_id
        self._http = http

    # -- login

    async def log_in(self, email: str, password: str) -> Me:
        """`POST /auth/session` or `/auth/token`, then `GET /me`."""
        await self.session.begin(email, password)
        return await self.me()

    async def log_out(self) -> None:
        """`POST /auth/logout`: ends every login of the user."""
        await self.session.end()

    async def me(self) -> Me:
        """`GET /me`; also a program's start: 401 means that somebody has to log in."""
        found = await self.session.json("GET", "/me")
        return Me(found["email"] or "", found["role"], found["company_id"], found["company"] or "")

    async def change_password(self, old: str, new: str) -> None:
        """`POST /auth/password`: ends all other logins."""
        self.session.login.take(await self.session.answer("POST", "/auth/password", json={"old": old, "new": new}))

    async def ask_reset(self, email: str) -> None:
        """`POST /auth/reset`: has a link mailed, if the address is known; nobody is told whether."""
        await self.session.answer("POST", "/auth/reset", json={"email": email})

    async def confirm_reset(self, token: str, password: str) -> None:
        """`POST /auth/reset/confirm`: spends a link; whoever did logs in after it."""
        await self.session.answer("POST", "/auth/reset/confirm", json={"token": token, "password": password})

    # -- machines

    def machines(self) -> AsyncIterator[list[Json]]:
        """`GET /machines`, page by page to the end."""
        return self._pages("/machines")

    async def machine(self, machine_id: str) -> Json:
        """`GET /machines/{machine_id}`."""
        return await self._get(_machine(machine_id))

    async def add_machine(self, machine: Mapping[str, Any]) -> Json:
        """`POST /machines`: the machine with its login at the broker, shown this once."""
        return await self._send("POST", "/machines", machine)

    async def change_machine(self, machine_id: str, change: Mapping[str, Any]) -> Json:
        """`PATCH /machines/{machine_id}`."""
        return await self._send("PATCH", _machine(machine_id), change)

    async def archive_machine(self, machine_id: str) -> None:
        """`DELETE /machines/{machine_id}`."""
        await self._send("DELETE", _machine(machine_id))

    async def rotate_credentials(self, machine_id: str, *, overlap_s: int | None = None) -> Json:
        """`POST /machines/{machine_id}/credentials`: a new login at the broker, shown this once."""
        wish = None if overlap_s is None else {"overlap_s": overlap_s}
        return await self._send("POST", f"{_machine(machine_id)}/credentials", wish)

    async def enrolment_code(self, machine_id: str, *, expires_in: int | None = None) -> Json:
        """`POST /machines/{machine_id}/enrolment-code`; `expires_in` in seconds."""
        wish = None if expires_in is None else {"expires_in": expires_in}
        return await self._send("POST", f"{_machine(machine_id)}/enrolment-code", wish)

    async def move_machine(self, machine_id: str, company_id: int) -> Json:
        """`POST /machines/{machine_id}/move`, to another company."""
        return await self._send("POST", f"{_machine(machine_id)}/move", {"company_id": company_id})

    async def status(self, machine_id: str) -> Json:
        """`GET /machines/{machine_id}/status`."""
        return await self._get(f"{_machine(machine_id)}/status")

    async def status_history(
        self, machine_id: str, *, from_: str | None = None, to: str | None = None, cursor: str = "", limit: int = PAGE
    ) -> Page:
        """`GET /machines/{machine_id}/status/history`; instants in RFC 3339."""
        query = {"from": from_, "to": to, "cursor": cursor or None, "limit": limit}
        return await self._page(f"{_machine(machine_id)}/status/history", query)

    async def telemetry(
        self,
        machine_id: str,
        *,
        from_: str | None = None,
        to: str | None = None,
        resolution: str = "auto",
        cursor: str = "",
        limit: int | None = None,
    ) -> Json:
        """`GET /machines/{machine_id}/telemetry`; with `resolution` and `bucket_s` of what was chosen."""
        query = {"from": from_, "to": to, "resolution": resolution, "cursor": cursor or None, "limit": limit}
        return await self._get(f"{_machine(machine_id)}/telemetry", query)

    def export_path(
        self,
        machine_id: str,
        kind: str,
        *,
        from_: str | None = None,
        to: str | None = None,
        resolution: str | None = None,
    ) -> str:
        """The address of `GET /machines/{machine_id}/telemetry.csv` or `.parquet` (`kind`), for a browser to open."""
        query = {"from": from_, "to": to, "resolution": resolution, "company_id": self.company_id}
        pairs = urlencode({name: value for name, value in query.items() if value is not None})
        return f"{ROOT}{_machine(machine_id)}/telemetry.{kind}{'?' if pairs else ''}{pairs}"

    async def ledger(
        self, machine_id: str, *, boot: int | None = None, cursor: str = "", limit: int | None = None
    ) -> Json:
        """`GET /machines/{machine_id}/ledger`."""
        return await self._get(
            f"{_machine(machine_id)}/ledger", {"boot": boot, "cursor": cursor or None, "limit": limit}
        )

    # -- what can be ordered

    async def catalogue(self, machine_id: str) -> Json:
        """`GET /machines/{machine_id}/catalogue`."""
        return await self._get(f"{_machine(machine_id)}/catalogue")

    async def models(self) -> list[Json]:
        """`GET /machine-models`, all of them."""
        return await self._all("/machine-models", limit=500)

    async def model(self, model: str) -> Json:
        """`GET /machine-models/{model}`."""
        return await self._get(f"/machine-models/{quote(model, safe='')}")

    async def set_model(self, model: str, commands: Mapping[str, Any]) -> Json:
        """`PUT /machine-models/{model}`."""
        return await self._send("PUT", f"/machine-models/{quote(model, safe='')}", {"commands": commands})

    async def delete_model(self, model: str) -> None:
        """`DELETE /machine-models/{model}`."""
        await self._send("DELETE", f"/machine-models/{quote(model, safe='')}")

    # -- commands

    async def give_command(
        self,
        machine_id: str,
        command: str,
        params: Mapping[str, Any] | None = None,
        *,
        expires_in: int | None = None,
        key: str,
    ) -> Json:
        """`POST /machines/{machine_id}/commands`; `key` of `new_key`: after `Away` the same one asks again safely."""
        wish: Json = {"command": command, "params": dict(params or {})}
        if expires_in is not None:
            wish["expires_in"] = expires_in
        path = f"{_machine(machine_id)}/commands"
        found: Json = await self.session.json(
            "POST", path, query=self._company(), json=wish, headers={"idempotency-key": key}
        )
        return found

    async def commands(
        self,
        machine_id: str,
        *,
        states: Sequence[str] | None = None,
        open_: bool | None = None,
        cursor: str = "",
        limit: int = 50,
    ) -> Page:
        """`GET /machines/{machine_id}/commands`, the newest first."""
        return await self._page(f"{_machine(machine_id)}/commands", _sought(states, open_, cursor, limit))

    async def command(self, machine_id: str, command_id: str) -> Json:
        """`GET /machines/{machine_id}/commands/{command_id}`, with its history."""
        return await self._get(f"{_machine(machine_id)}/commands/{command_id}")

    async def cancel_command(self, machine_id: str, command_id: str) -> Json:
        """`POST /machines/{machine_id}/commands/{command_id}/cancel`."""
        return await self._send("POST", f"{_machine(machine_id)}/commands/{command_id}/cancel")

    async def close_command(self, machine_id: str, command_id: str) -> Json:
        """`POST /machines/{machine_id}/commands/{command_id}/close`: nobody waits for its confirmation any more."""
        return await self._send("POST", f"{_machine(machine_id)}/commands/{command_id}/close")

    async def company_commands(
        self,
        *,
        states: Sequence[str] | None = None,
        open_: bool | None = None,
        cursor: str = "",
        limit: int = 50,
    ) -> Page:
        """`GET /commands`: of all machines, the newest first."""
        return await self._page("/commands", _sought(states, open_, cursor, limit))

    # -- one command for many machines

    async def dry_run(
        self, wish: Mapping[str, Any], *, refused_only: bool = False, cursor: str = "", limit: int = PAGE
    ) -> Json:
        """`POST /commands` with `dry_run`: what would happen to whom, and the `confirmation` that lets it happen."""
        query = {**self._company(), "refused": refused_only, "cursor": cursor or None, "limit": limit}
        found: Json = await self.session.json("POST", "/commands", query=query, json={**wish, "dry_run": True})
        return found

    async def begin_bulk(self, wish: Mapping[str, Any], *, confirmation: str | None = None) -> Json:
        """`POST /commands`; stops need no `confirmation`. Given twice with one, it begins one run."""
        body = dict(wish) if confirmation is None else {**wish, "confirmation": confirmation}
        return await self._send("POST", "/commands", body)

    async def stop_all(self, command: str = "stop_cleaning") -> Json:
        """`POST /commands` for all machines of the company."""
        return await self.begin_bulk({"command": command, "filter": {"all": True}})

    async def bulk_runs(self, *, cursor: str = "", limit: int = 50) -> Page:
        """`GET /commands/bulk`, the newest first."""
        return await self._page("/commands/bulk", {"cursor": cursor or None, "limit": limit})

    async def bulk_run(self, bulk_id: str) -> Json:
        """`GET /commands/bulk/{bulk_id}`."""
        return await self._get(f"/commands/bulk/{bulk_id}")

    async def bulk_targets(
        self, bulk_id: str, *, states: Sequence[str] | None = None, cursor: str = "", limit: int = 200
    ) -> Page:
        """`GET /commands/bulk/{bulk_id}/machines`."""
        query = {"state": states, "cursor": cursor or None, "limit": limit}
        return await self._page(f"/commands/bulk/{bulk_id}/machines", query)

    async def abort_bulk(self, bulk_id: str) -> Json:
        """`POST /commands/bulk/{bulk_id}/abort`: the stages that have not begun never will."""
        return await self._send("POST", f"/commands/bulk/{bulk_id}/abort")

    # -- what was refused, and who did what

    async def dead_letters(
        self,
        *,
        machine_id: str | None = None,
        reason: str | None = None,
        from_: str | None = None,
        to: str | None = None,
        cursor: str = "",
        limit: int = 50,
    ) -> Page:
        """`GET /dead-letters`."""
        query = {"machine_id": machine_id, "reason": reason, "from": from_, "to": to}
        return await self._page("/dead-letters", {**query, "cursor": cursor or None, "limit": limit})

    async def replay_dead_letters(self, choice: Mapping[str, Any]) -> Json:
        """`POST /dead-letters/replay`; `choice` names ids, or machine, reason and times."""
        return await self._send("POST", "/dead-letters/replay", choice)

    async def audit(self, *, cursor: str = "", limit: int = 50, **filters: str | None) -> Page:
        """`GET /audit`; filters: actor, action, object, outcome, from_, to."""
        query = {name.rstrip("_"): value for name, value in filters.items()}
        return await self._page("/audit", {**query, "cursor": cursor or None, "limit": limit})

    # -- people and companies

    async def users(self) -> list[Json]:
        """`GET /users`, all of them."""
        return await self._all("/users")

    async def add_user(self, email: str, role: str) -> Json:
        """`POST /users`: the user with a link, shown this once, by which a password is set."""
        wish: Json = {"email": email, "role": role}
        if self.company_id is not None and role != "platform_admin":
            wish["company_id"] = self.company_id
        found: Json = await self.session.json("POST", "/users", json=wish)
        return found

    async def user(self, user_id: int) -> Json:
        """`GET /users/{user_id}`."""
        return await self._get(f"/users/{user_id}")

    async def change_user(self, user_id: int, change: Mapping[str, Any]) -> Json:
        """`PATCH /users/{user_id}`: role, disabled."""
        return await self._send("PATCH", f"/users/{user_id}", change)

    async def reset_link(self, user_id: int) -> Json:
        """`POST /users/{user_id}/reset-link`: shown this once."""
        return await self._send("POST", f"/users/{user_id}/reset-link")

    async def companies(self) -> list[Json]:
        """`GET /companies`, all that the caller may see."""
        return await self._all("/companies", by_company=False)

    async def company(self, company_id: int) -> Json:
        """`GET /companies/{company_id}`."""
        found: Json = await self.session.json("GET", f"/companies/{company_id}")
        return found

    async def add_company(self, name: str) -> Json:
        """`POST /companies`."""
        found: Json = await self.session.json("POST", "/companies", json={"name": name})
        return found

    async def change_company(self, company_id: int, change: Mapping[str, Any]) -> Json:
        """`PATCH /companies/{company_id}`."""
        found: Json = await self.session.json("PATCH", f"/companies/{company_id}", json=dict(change))
        return found

    async def api_keys(self) -> list[Json]:
        """`GET /api-keys`, all of them."""
        return await self._all("/api-keys")

    async def add_api_key(self, name: str, role: str, expires_in_days: int) -> Json:
        """`POST /api-keys`: the key, shown this once."""
        wish = {"name": name, "role": role, "expires_in_days": expires_in_days}
        return await self._send("POST", "/api-keys", wish)

    async def revoke_api_key(self, key_id: int) -> None:
        """`DELETE /api-keys/{key_id}`."""
        await self._send("DELETE", f"/api-keys/{key_id}")

    # -- the server itself

    async def is_there(self, within_s: float) -> bool:
        """`GET /healthz`: whether the server answers in time, whatever it says."""
        try:
            await self._http.request("GET", "/healthz", timeout_s=within_s)
        except UnreachableError:
            return False
        return True

    def socket_path(self, path: str, **query: Any) -> str:
        """The address of a socket, with the company."""
        said = {**self._company(), **query}
        pairs = urlencode({name: value for name, value in said.items() if value is not None})
        return f"{path}{'?' if pairs else ''}{pairs}"

    def _company(self) -> Json:
        return {} if self.company_id is None else {"company_id": self.company_id}

    async def _get(self, path: str, query: Mapping[str, Any] | None = None) -> Json:
        found: Json = await self.session.json("GET", path, query={**(query or {}), **self._company()})
        return found

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Json:
        """An empty answer is an empty object."""
        json = None if body is None else dict(body)
        found: Json | None = await self.session.json(method, path, query=self._company(), json=json)
        return found or {}

    async def _page(self, path: str, query: Mapping[str, Any]) -> Page:
        found = await self._get(path, query)
        return Page(found["items"], found["next_cursor"])

    async def _pages(
        self, path: str, *, by_company: bool = True, limit: int | None = None
    ) -> AsyncIterator[list[Json]]:
        cursor: str | None = None
        while True:
            query = {"limit": limit or PAGE, "cursor": cursor, **(self._company() if by_company else {})}
            found = await self.session.json("GET", path, query=query)
            yield found["items"]
            cursor = found["next_cursor"]
            if cursor is None:
                return

    async def _all(self, path: str, *, by_company: bool = True, limit: int = PAGE) -> list[Json]:
        return [item async for items in self._pages(path, by_company=by_company, limit=limit) for item in items]


def _machine(machine_id: str) -> str:
    return f"/machines/{quote(machine_id, safe='')}"


def _sought(states: Sequence[str] | None, open_: bool | None, cursor: str, limit: int) -> Json:  # noqa: FBT001  three-valued
    return {"state": states, "open": open_, "cursor": cursor or None, "limit": limit}
