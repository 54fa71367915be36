"""What the images hold, made by the steps of the Dockerfile itself and run as in a container that may nothing."""

import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pyarrow import parquet

from sunsweep.mqtt.local_broker import LocalBroker
from sunsweep.server.broker import logins
from sunsweep.server.db.engine import Database
from tests.deploy.image_build import ImageBuild, close, open_again, without_rights
from tests.deploy.test_image_locks import applies, entries
from tests.support.command import Ended, Running, ended_program, running
from tests.support.platform import eventually
from tests.support.ports import free_port

PASSWORD: Final = "only-for-tests-only-for-tests"
OURS: Final = {"backend": {"sunsweep", "sunsweep-site"}, "machine": {"sunsweep"}}
MIB: Final = 2**20
AT_MOST_MIB: Final = {"backend": 340, "machine": 30}
"""Compiled, without Python itself."""

WITHIN_S: Final = 220
"""For the first of them, which takes all steps; before the whole run is given up (240)."""

pytestmark = [pytest.mark.timeout(WITHIN_S), pytest.mark.prove]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageBuild]:
    """Both images' programs, in folders that nobody can write in."""
    built = ImageBuild(tmp_path_factory.mktemp("image"))
    built.run("wheels", "installer", "backend-program", "machine-program")
    trees = [built.program(target) for target in OURS]
    for tree in trees:
        close(tree)
    yield built
    for tree in trees:
        open_again(tree)


@dataclass(frozen=True)
class Container:
    """A program of an image: its folder is not to be written in, nor is the one that it runs in."""

    programs: Path
    env: dict[str, str]

    def words(self, *command: str) -> list[str]:
        program, *rest = command
        return without_rights(str(self.programs / program), *rest)

    async def call(self, *command: str) -> Ended:
        return await ended_program(*self.words(*command), env=self.env, cwd=self.programs)

    async def said(self, *command: str) -> str:
        """Of a command that succeeds."""
        ended = await self.call(*command)
        assert ended.code == 0, ended.err
        return ended.out

    @asynccontextmanager
    async def runs(self, *command: str) -> AsyncIterator[Running]:
        program, *rest = self.words(*command)
        async with running(*rest, program=program, env=self.env) as started:
            yield started


def container(build: ImageBuild, target: str, tmp: Path, **env: str) -> Container:
    tmp.mkdir(exist_ok=True)
    programs = build.program(target) / "bin"
    alone = {"PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(programs), "TMPDIR": str(tmp)}
    return Container(programs, alone | env)


def size_mib(tree: Path) -> float:
    return sum(file.stat().st_size for file in tree.rglob("*") if file.is_file() and not file.is_symlink()) / MIB


@pytest.mark.parametrize("target", OURS)
def test_an_image_has_what_its_lock_names_and_our_wheels(build: ImageBuild, target: str) -> None:
    (site,) = build.program(target).glob("lib/python3*/site-packages")
    installed = {canonicalize_name(entry.name.split("-")[0]) for entry in site.glob("*.dist-info")}
    lock = entries(f"deploy/image/{target}.lock")
    named = {name for name, (words, _) in lock.items() if applies(Requirement(words), set())}
    assert installed == named | OURS[target]
    assert size_mib(build.program(target)) < AT_MOST_MIB[target]


@pytest.mark.parametrize("target", OURS)
def test_all_of_it_is_compiled_and_its_sources_in_c_are_gone(build: ImageBuild, target: str) -> None:
    (site,) = build.program(target).glob("lib/python3*/site-packages")
    tag = sys.implementation.cache_tag
    bare = [
        file for file in site.rglob("*.py") if not (file.parent / "__pycache__" / f"{file.stem}.{tag}.pyc").is_file()
    ]
    assert not bare
    assert not [file for ending in ("*.c", "*.pyx", "*.h") for file in site.rglob(ending)]


@pytest.mark.parametrize("target", OURS)
async def test_nobody_in_it_can_write_or_install(build: ImageBuild, target: str, tmp_path: Path) -> None:
    inside = container(build, target, tmp_path / "tmp")
    place = build.program(target) / "lib/written"
    ended = await inside.call("python", "-c", f"open({str(place)!r}, 'w')")
    assert "Permission denied" in ended.err
    find = "import importlib.util as u; print(u.find_spec('pip'), u.find_spec('uv'))"
    assert (await inside.said("python", "-c", find)).split() == ["None", "None"]


async def test_the_machines_program_works_with_that_alone(build: ImageBuild, tmp_path: Path) -> None:
    inside = container(build, "machine", tmp_path / "tmp")
    assert "enroll | check | run" in await inside.said("sunsweep-machine", "--help")
    config = machine_file(tmp_path, "mqtt://127.0.0.1", {"mqtt_username": "m-x", "mqtt_password": PASSWORD})
    assert '"battery"' in await inside.said("sunsweep-machine", "run", "--config", config, "--dry-run", "--once")
    assert "GPIODevice" in await inside.said("python", "-c", "import gpiozero; print(gpiozero.GPIODevice)")


async def test_simulated_machines_are_not_in_the_backend_and_it_says_so(build: ImageBuild, tmp_path: Path) -> None:
    ended = await container(build, "backend", tmp_path / "tmp").call("sunsweep", "simulate", "--help")
    assert ended.code == 1
    assert "sunsweep: the simulated machines are not installed" in ended.err
    assert "Traceback" not in ended.err


def machine_file(folder: Path, broker: str, login: dict[str, Any]) -> str:
    file = folder / "machine.toml"
    file.write_text(
        f'broker = "{broker}"\ncompany_id = 1\nmachine_id = "SCM-1"\nmqtt_username = "{login["mqtt_username"]}"\n'
        f'mqtt_password = "{login["mqtt_password"]}"\ntrust_clock = true\nstate_dir = "{folder / "state"}"\n'
    )
    file.chmod(0o600)
    return str(file)


@dataclass(frozen=True)
class Server:
    """Web and ingest of the backend's image, as two containers."""

    web: httpx.AsyncClient
    broker_url: str
    ingest_url: str
    login: dict[str, Any]
    admin_password: str


@pytest.fixture
async def server(build: ImageBuild, mariadb_url: str, tmp_path: Path) -> AsyncIterator[Server]:
    port, mqtt_port, metrics_port = free_port(), free_port(), free_port()
    (tmp_path / "password").write_text(PASSWORD)
    inside = container(
        build, "backend", tmp_path / "tmp",
        SUNSWEEP_DATABASE_URL=mariadb_url, SUNSWEEP_MQTT_URL=f"mqtt://127.0.0.1:{mqtt_port}",
        SUNSWEEP_MQTT_PASSWORD_FILE=str(tmp_path / "password"), SUNSWEEP_SECRET_KEY=PASSWORD * 2,
        SUNSWEEP_PORT=str(port),
    )  # fmt: skip
    await inside.said("sunsweep", "migrate")
    roles = [word for role in ("api", "live", "dispatch", "jobs", "ingest") for word in ("--role", role)]
    await inside.said(
        "sunsweep", "account", "set", "sunsweep-backend", *roles, "--password-file", str(tmp_path / "password")
    )
    await inside.said("sunsweep", "company", "add", "Alpha")
    login = json.loads(await inside.said("sunsweep", "machine", "add", "SCM-1", "--company", "1", "--json"))
    async with (
        broker(mariadb_url, tmp_path / "broker", mqtt_port),
        inside.runs("sunsweep", "serve", "--roles", "api,live,dispatch,jobs") as serving,
        inside.runs("sunsweep", "ingest", "--metrics-port", str(metrics_port)),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as web,
    ):
        await serving.says("first start: the platform admin is")
        found = re.search(r"password (\S+) \(said", serving.err)
        assert found is not None
        await becomes(web, "/readyz")
        yield Server(web, f"mqtt://127.0.0.1:{mqtt_port}", f"http://127.0.0.1:{metrics_port}", login, found[1])
        await ended_well(serving)


@asynccontextmanager
async def broker(database_url: str, folder: Path, port: int) -> AsyncIterator[None]:
    database = Database(database_url)
    started = LocalBroker(folder, port=port)
    try:
        await started.start(await logins.broker_users(database))
        yield
    finally:
        await started.stop()
        await database.close()


async def becomes(web: httpx.AsyncClient, address: str) -> None:
    async def is_so() -> bool:
        try:
            return (await web.get(address)).status_code == 200
        except httpx.TransportError:
            return False

    await eventually(is_so, within_s=60)


async def ended_well(program: Running) -> None:
    ended = await program.told(15)
    assert ended.code == 0
    assert "Traceback" not in ended.err


async def test_both_images_together_take_a_sample_from_a_machine_to_a_file(
    build: ImageBuild, server: Server, tmp_path: Path
) -> None:
    web = server.web
    assert (await web.get("/healthz")).status_code == 200
    await becomes(web, f"{server.ingest_url}/healthz")
    page = await web.get("/app")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    (boot,) = re.findall(r'src="(/app/v-[0-9a-f]{16}/boot\.js)"', page.text)
    assert (await web.get(boot)).status_code == 200
    machine = container(build, "machine", tmp_path / "machine-tmp")
    config = machine_file(tmp_path, server.broker_url, server.login)
    await machine.said("sunsweep-machine", "run", "--config", config, "--once", "--wait-s", "25")
    form = {"username": "admin@localhost", "password": server.admin_password}
    token = (await web.post("/api/v1/auth/token", data=form)).raise_for_status().json()["access_token"]
    file = await web.get(
        "/api/v1/machines/SCM-1/telemetry.parquet",
        params={"company_id": 1}, headers={"authorization": f"Bearer {token}"},
    )  # fmt: skip
    assert file.status_code == 200, file.text
    assert parquet.read_table(BytesIO(file.content)).num_rows >= 1


@pytest.mark.parametrize("lock", ["backend", "machine"])
def test_for_every_package_there_is_a_wheel_for_arm64(lock: str, tmp_path: Path) -> None:
    uv = Path(sys.prefix) / "bin/uv"
    done = subprocess.run(
        [
            uv, "pip", "install", "--python", sys.executable, "--python-platform", "aarch64-manylinux_2_36",
            "--only-binary", ":all:", "--require-hashes", "--target", tmp_path / "arm64", "-r",
            Path("deploy/image") / f"{lock}.lock",
        ],
        check=False, capture_output=True, text=True, timeout=300, env=os.environ | {"UV_LINK_MODE": "copy"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    compiled = list((tmp_path / "arm64").rglob("*.so"))
    assert compiled
    assert all(_machine_of(file) == _ARM64 for file in compiled)


_ARM64: Final = 0xB7


def _machine_of(program: Path) -> int:
    """The processor that an ELF file is for."""
    with program.open("rb") as file:
        head = file.read(20)
    return int.from_bytes(head[18:20], "little")
