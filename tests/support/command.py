"""The real `sunsweep`, as a user runs it: its own process, its own terminal group, a folder of its own."""

import asyncio
import json
import os
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from typer.testing import CliRunner
from websockets.asyncio.client import connect

from sunsweep.cli.verbs import cli
from tests.support.platform import eventually
from tests.support.ports import free_port

SUNSWEEP = str(Path(sys.executable).with_name("sunsweep"))
ENDS_WITHIN_S = 5.0
"""What a user is promised after Ctrl-C."""


@dataclass
class Ended:
    code: int
    out: str
    err: str


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without settings of whoever runs the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SUNSWEEP_")} | more


async def ended_program(*command: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Ended:
    """Run a program to its end."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        env=clean_environment(**(env or {})),
        cwd=cwd,
    )
    async with asyncio.timeout(90):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


async def sunsweep(*words: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Ended:
    """Run a verb to its end."""
    return await ended_program(SUNSWEEP, *words, env=env, cwd=cwd)


@dataclass
class Running:
    """A `sunsweep` that keeps running, and what it has printed so far."""

    process: Process
    out: str = ""
    err: str = ""
    _readers: list[asyncio.Task[None]] = field(default_factory=list)

    def read(self) -> None:
        self._readers = [asyncio.create_task(self._read(name), name=name) for name in ("out", "err")]

    async def _read(self, name: str) -> None:
        stream = self.process.stdout if name == "out" else self.process.stderr
        assert stream is not None
        while data := await stream.read(65_536):
            setattr(self, name, getattr(self, name) + data.decode())

    async def says(self, words: str, *, within_s: float = 30.0) -> None:
        """Wait until it has printed this."""

        async def said() -> bool:
            assert words in self.out + self.err or self.process.returncode is None, f"it ended: {self.err}"
            return words in self.out + self.err

        await eventually(said, within_s=within_s)

    async def ended(self, *, within_s: float = ENDS_WITHIN_S) -> Ended:
        """Its end, in time, and all it said."""
        async with asyncio.timeout(within_s):
            code = await self.process.wait()
        await asyncio.gather(*self._readers)
        return Ended(code, self.out, self.err)

    async def told(self, number: int, *, group: bool = False) -> Ended:
        """Its end after a signal, to it alone or, as from a terminal, to its whole group."""
        if group:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        return await self.ended()

    async def finish(self) -> None:
        """For the end of a test, however it went."""
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        await asyncio.gather(*self._readers)


@asynccontextmanager
async def running(*words: str, env: Mapping[str, str] | None = None, program: str = SUNSWEEP) -> AsyncIterator[Running]:
    """`sunsweep …`, killed at the end where the test has not ended it."""
    process = await asyncio.create_subprocess_exec(
        program, *words, stdin=asyncio.subprocess.DEVNULL, stdout=PIPE, stderr=PIPE, start_new_session=True,
        env=clean_environment(**(env or {})),
    )  # fmt: skip
    started = Running(process)
    started.read()
    try:
        yield started
    finally:
        await started.finish()


@dataclass(frozen=True)
class Site:
    """Where one `sunsweep up` is to run."""

    data: Path
    port: int = field(default_factory=free_port)
    mqtt_port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def words(self, *more: str) -> list[str]:
        ports = ["--port", str(self.port), "--mqtt-port", str(self.mqtt_port)]
        return ["up", *ports, "--data", str(self.data), "--interval", "0.5", *more]

    @asynccontextmanager
    async def up(self, *more: str, env: Mapping[str, str] | None = None) -> AsyncIterator[Running]:
        """Running, and its banner printed."""
        async with running(*self.words(*more), env=env) as program:
            await program.says("Sunsweep is up")
            yield program

    async def verb(self, *words: str) -> str:
        """What an admin verb printed; it must succeed. In a thread of this process: an import of it takes seconds."""
        result = await asyncio.to_thread(CliRunner().invoke, cli, [*words, "--data", str(self.data)])
        assert result.exit_code == 0, result.stderr
        return result.stdout

    async def add_machine(self, serial: str) -> dict[str, Any]:
        login: dict[str, Any] = json.loads(await self.verb("machine", "add", serial, "--company", "1", "--json"))
        return login

    def passwords(self) -> dict[str, str]:
        known: dict[str, str] = json.loads((self.data / "logins.json").read_bytes())
        return known

    async def token(self, email: str = "viewer@example.com") -> str:
        """By the password that is kept in the folder."""
        async with httpx.AsyncClient(base_url=self.url) as client:
            form = {"username": email, "password": self.passwords()[email]}
            answer = await client.post("/api/v1/auth/token", data=form)
        token: str = answer.raise_for_status().json()["access_token"]
        return token

    async def get(self, path: str) -> Any:
        bearer = {"authorization": f"Bearer {await self.token()}"}
        async with httpx.AsyncClient(base_url=f"{self.url}/api/v1", headers=bearer) as client:
            return (await client.get(path)).raise_for_status().json()

    async def serials(self) -> list[str]:
        return [machine["machine_id"] for machine in (await self.get("/machines"))["items"]]

    async def history(self, serial: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = (await self.get(f"/machines/{serial}/telemetry?resolution=raw&limit=1000"))[
            "items"
        ]
        return rows

    async def first_frame(self, serial: str, kind: str = "telemetry") -> dict[str, Any]:
        """The first live frame of a kind."""
        url = f"ws://127.0.0.1:{self.port}/realtime/{serial}?token={await self.token()}"
        async with asyncio.timeout(20), connect(url, proxy=None) as socket:
            async for text in socket:
                frame: dict[str, Any] = json.loads(text)
                if frame["type"] == kind:
                    return frame
        raise AssertionError("the socket has ended")

    def processes(self) -> list[psutil.Process]:
        """Every process that names the folder, and what those have started."""
        ours = [process for process in psutil.process_iter() if self._names_it(process)]
        return list({child for one in ours for child in (one, *_children(one))})

    def _names_it(self, process: psutil.Process) -> bool:
        try:
            return any(str(self.data) in word for word in process.cmdline())
        except psutil.Error:
            return False

    def child(self, words: str) -> psutil.Process:
        (found,) = [process for process in self.processes() if words in " ".join(process.cmdline())]
        return found

    async def nothing_is_left(self, *, within_s: float = ENDS_WITHIN_S) -> None:
        """No process of it, and both ports free."""

        async def gone() -> bool:
            return not await asyncio.to_thread(self.processes)

        await eventually(gone, within_s=within_s)
        for port in (self.port, self.mqtt_port):
            server = await asyncio.start_server(lambda *_: None, "127.0.0.1", port)
            server.close()
            await server.wait_closed()


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def said_first_steps(banner: str) -> str:
    """The commands of the banner, as a user would paste them."""
    found = re.search(r"Send a first command:\n(.*?)Watch it live", banner, re.DOTALL)
    assert found, banner
    return found[1]
