"""A MariaDB server of the tests' own: private data directory, port and socket; nothing of the system is touched."""

import asyncio
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import asyncmy

from tests.support.ports import free_port
from tests.support.programs import find_program

USER = "sunsweep"
PASSWORD = "only-for-tests"
STARTUP_S = 30
_INIT_SQL = f"""\
CREATE USER IF NOT EXISTS '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';
GRANT ALL ON *.* TO '{USER}'@'%' WITH GRANT OPTION;
"""
_NO_SYNC = """\
innodb_flush_method=nosync
debug_no_sync=1
"""


class MariaDBError(RuntimeError):
    """The server did not start; the message ends with its log."""


@dataclass
class MariaDB:
    """A server; every database it creates is empty, utf8mb4, and the caller's to drop."""

    port: int
    _folder: Path
    _options: Path
    _process: subprocess.Popen[bytes] | None = None
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Return once it greets."""
        with (self._folder / "mariadbd.log").open("ab") as log:
            self._process = subprocess.Popen(
                [find_program("mariadbd"), f"--defaults-file={self._options}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for pytest, which stops it in turn
            )
        _await_greeting(self._process, self.port, self._folder)

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL; `start` brings it back."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def kill_sessions(self) -> None:
        """End everybody's connections."""
        self.execute(f"KILL USER '{USER}'")

    def create_database(self) -> str:
        """The URL of a fresh database."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return f"mysql+asyncmy://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{name}?charset=utf8mb4"

    def drop_database(self, url: str) -> None:
        """Drop what `create_database` made."""
        self.execute(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2].partition('?')[0]}")

    def execute(self, statement: str) -> None:
        """Run one statement as administrator; works with and without a running event loop."""
        with ThreadPoolExecutor(max_workers=1) as thread:
            thread.submit(asyncio.run, self._execute(statement)).result()

    async def _execute(self, statement: str) -> None:
        connection = await asyncmy.connect(host="127.0.0.1", port=self.port, user=USER, password=PASSWORD)
        try:
            async with connection.cursor() as cursor:
                await cursor.execute(statement)
        finally:
            await connection.ensure_closed()


@contextmanager
def running_mariadb(folder: Path, *, syncs: bool = False) -> Iterator[MariaDB]:
    """Start a server in `folder`, stop it at the end; `syncs`: each commit to the disk, as a real one must."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    options = _write_options(folder, port, syncs=syncs)
    _install(folder, options)
    server = MariaDB(port, folder, options)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _write_options(folder: Path, port: int, *, syncs: bool) -> Path:
    """Tests sync nothing, as MariaDB's own do: what the kernel has taken outlives the process."""
    (folder / "init.sql").write_text(_INIT_SQL)
    user = "user=root\n" if os.geteuid() == 0 else ""  # mariadbd refuses to be root unless told so
    options = folder / "my.cnf"
    options.write_text(f"""\
[mariadbd]
{user}datadir={folder}/data
tmpdir={folder}
port={port}
bind_address=127.0.0.1
socket={_socket_path(folder)}
pid_file={folder}/mariadbd.pid
init_file={folder}/init.sql
skip_name_resolve=1
character_set_server=utf8mb4
collation_server=utf8mb4_general_ci
sql_mode=STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE,NO_ZERO_IN_DATE
default_time_zone=+00:00
max_connections=200
lock_wait_timeout=30
performance_schema=0
innodb_buffer_pool_size=64M
innodb_log_file_size=32M
innodb_flush_log_at_trx_commit=1
{"" if syncs else _NO_SYNC}""")
    return options


def _socket_path(folder: Path) -> Path:
    """In the folder, unless that runs too deep: a socket's path has at most 107 bytes."""
    path = folder / "socket"
    return path if len(bytes(path)) < 100 else Path(tempfile.gettempdir(), f"sunsweep-{os.getpid()}.sock")


def _install(folder: Path, options: Path) -> None:
    log = folder / "install.log"
    with log.open("wb") as output:
        done = subprocess.run(
            [
                find_program("mariadb-install-db"),
                f"--defaults-file={options}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                "--skip-name-resolve",
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
        )
    if done.returncode:
        raise MariaDBError(f"mariadb-install-db ended with {done.returncode}:\n{_tail(log)}")


def _await_greeting(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    """Return once the server greets: the first packet of MySQL's protocol comes from it."""
    deadline = time.monotonic() + STARTUP_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                if connection.recv(1):
                    return
        except OSError:
            time.sleep(0.05)
    raise MariaDBError(f"mariadbd did not come up (exit status {process.poll()}):\n{_tail(folder / 'mariadbd.log')}")


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-30:])
