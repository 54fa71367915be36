"""A real mosquitto, started privately on a free port of the loopback."""

import asyncio
import signal
import socket
from asyncio.subprocess import DEVNULL, Process
from getpass import getuser
from pathlib import Path

from sunsweep.contract.topics import machine_rule

BACKEND = ("backend", "backend-secret")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Broker:
    """One broker with one machine's credentials per entry of `machines` (user name, password, machine id)."""

    def __init__(self, folder: Path, machines: list[tuple[str, str, str]]) -> None:
        self.port = free_port()
        self.more_listeners = ""
        self._folder = folder
        self._machines = machines
        self._process: Process | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    async def prepare(self) -> None:
        passwords = self._folder / "passwords"
        passwords.write_text("")
        passwords.chmod(0o600)
        lines = [f"{user}:{password}" for user, password, _ in self._machines] + [":".join(BACKEND)]
        passwords.write_text("\n".join(lines) + "\n")
        await _run("mosquitto_passwd", "-U", str(passwords))
        rules = [f"user {user}\ntopic readwrite {machine_rule(1, serial)}" for user, _, serial in self._machines]
        acl = self._folder / "acl"
        acl.write_text("\n".join([f"user {BACKEND[0]}", "topic readwrite #", *rules]) + "\n")
        acl.chmod(0o600)
        listener = f"user {getuser()}\nlistener {self.port} 127.0.0.1\nallow_anonymous false\n"
        config = f"{self.more_listeners}{listener}password_file {passwords}\nacl_file {acl}\n"
        (self._folder / "broker.conf").write_text(config)

    async def start(self) -> None:
        config = str(self._folder / "broker.conf")
        self._process = await asyncio.create_subprocess_exec(
            "/usr/sbin/mosquitto", "-c", config, stdout=DEVNULL, stderr=DEVNULL
        )
        async with asyncio.timeout(5):
            while not await _answers(self.port):
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            await self._process.wait()
        self._process = None

    def reread(self) -> None:
        """Have it read certificates, passwords and rules anew."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    async def publish(self, topic: str, payload: str, *options: str, user: tuple[str, str] = BACKEND) -> None:
        login = ("-h", "127.0.0.1", "-p", str(self.port), "-u", user[0], "-P", user[1])
        await _run("mosquitto_pub", *login, "-q", "1", "-t", topic, "-m", payload, *options)


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command, stdout=DEVNULL, stderr=DEVNULL)
    assert await process.wait() == 0, command


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
