"""The pods' own words: what the rendered chart has them run, with just their variables and secrets, on a real database
and a real broker. What is no container here is the same program.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from sunsweep.cli.verbs import cli
from sunsweep.mqtt.local_broker import LocalBroker
from sunsweep.server.broker import logins
from sunsweep.server.db.engine import Database
from tests.deploy.chart import Document, of_kind
from tests.support.command import Running, running
from tests.support.mariadb import PASSWORD, USER, MariaDB
from tests.support.platform import eventually
from tests.support.ports import free_port

EXAMPLE: Final = "emqx-operator"
"""The one with all that is optional."""
MOUNTED: Final = "/run/secrets/sunsweep"
DATABASE, BACKEND, BROKER = "chart_1", "chart_backend", "chart_broker"
SECRETS: Final = {
    "database-password": "p@ss:/%?# of a database",
    "emqx-database-password": "only-for-tests-of-emqx",
    "mqtt-password": "only-for-tests-of-the-broker",
    "secret-key": "only-for-tests-only-for-tests-only",
    "smtp-url": "smtps://me:hush@mail.example.org",
    "emqx-secret": "only-for-tests-of-emqx",
    "ca.crt": "read when mqtts:// is spoken",
}


@dataclass(frozen=True)
class Cluster:
    """What stands in for one: the addresses that the manifests name lead here."""

    database: MariaDB
    folder: Path
    mqtt_port: int

    @property
    def secrets(self) -> dict[str, str]:
        return SECRETS | {"admin-database-url": f"mysql://{USER}:{PASSWORD}@127.0.0.1:{self.database.port}"}

    def words(self, word: str) -> str:
        return word.replace(MOUNTED, str(self.folder))

    def environment(self, container: dict[str, Any], port: int) -> dict[str, str]:
        env = {one["name"]: self.words(one.get("value", "sunsweep")) for one in container["env"]}
        here = {
            "SUNSWEEP_DATABASE_URL": f"mysql://{BACKEND}@127.0.0.1:{self.database.port}/{DATABASE}",
            "SUNSWEEP_MQTT_DATABASE_USER": BROKER,
            "SUNSWEEP_MQTT_URL": f"mqtt://127.0.0.1:{self.mqtt_port}",
            "SUNSWEEP_EMQX_URL": f"http://127.0.0.1:{free_port()}",
            "SUNSWEEP_HOST": "127.0.0.1",
            "SUNSWEEP_METRICS_HOST": "127.0.0.1",
            "SUNSWEEP_PORT": str(port),
            "SUNSWEEP_METRICS_PORT": str(port),
        }
        return env | {name: value for name, value in here.items() if name in env}

    def args(self, container: dict[str, Any]) -> list[str]:
        return [self.words(str(word)) for word in container["args"]]

    def mount(self, pod: dict[str, Any]) -> None:
        """Just the files that the pod's volume has."""
        for file in self.folder.iterdir():
            file.unlink()
        (volume,) = [one["projected"] for one in pod["volumes"] if one["name"] == "secrets"]
        for source in volume["sources"]:
            for item in source["secret"]["items"]:
                (self.folder / item["path"]).write_text(self.secrets[item["path"]])

    async def complete(self, job: Document) -> None:
        """The Job's containers, one after another as in a pod."""
        pod = job["spec"]["template"]["spec"]
        self.mount(pod)
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            env = self.environment(container, 0)
            ended = await asyncio.to_thread(CliRunner().invoke, cli, self.args(container), env=env)
            assert ended.exit_code == 0, ended.stderr

    async def seen_by_emqx(self) -> list[str]:
        """The logins, asked with the account that the Job has made for EMQX."""
        password = SECRETS["emqx-database-password"]
        database = Database(f"mysql://{BROKER}:{password}@127.0.0.1:{self.database.port}/{DATABASE}")
        try:
            async with database.read() as session:
                return list(await session.scalars(text("SELECT username FROM mqtt_user")))
        finally:
            await database.close()

    @asynccontextmanager
    async def pod(self, deployment: Document) -> AsyncIterator[tuple[Running, dict[str, str]]]:
        """Running, and the URLs of its probes."""
        pod = deployment["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        self.mount(pod)
        port = free_port()
        probes = {
            name: f"http://127.0.0.1:{port}{container[name]['httpGet']['path']}"
            for name in ("startupProbe", "livenessProbe", "readinessProbe")
        }
        async with running(*self.args(container), env=self.environment(container, port)) as program:
            await program.says("begun")
            yield program, probes

    @asynccontextmanager
    async def broker(self, folder: Path) -> AsyncIterator[None]:
        """With the logins that stand in the database, as EMQX would see them."""
        database = Database(f"mysql://{USER}:{PASSWORD}@127.0.0.1:{self.database.port}/{DATABASE}")
        broker = LocalBroker(folder, port=self.mqtt_port)
        try:
            await broker.start(await logins.broker_users(database))
            yield
        finally:
            await broker.stop()
            await database.close()


@pytest.fixture
def cluster(mariadb: MariaDB, tmp_path: Path) -> Iterator[Cluster]:
    (folder := tmp_path / "secrets").mkdir()
    yield Cluster(mariadb, folder, free_port())
    mariadb.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
    for user in (BACKEND, BROKER):
        mariadb.execute(f"DROP USER IF EXISTS '{user}'@'%'")


async def test_the_job_prepares_and_every_pod_becomes_ready(cluster: Cluster, tmp_path: Path) -> None:
    (job,) = of_kind(EXAMPLE, "Job")
    deployments = of_kind(EXAMPLE, "Deployment")
    assert len(deployments) == 3

    await cluster.complete(job)
    await cluster.complete(job)  # as each upgrade does
    assert await cluster.seen_by_emqx() == ["sunsweep-backend"]
    async with AsyncExitStack() as stack, httpx.AsyncClient() as web:
        await stack.enter_async_context(cluster.broker(tmp_path / "broker"))
        for deployment in deployments:
            program, probes = await stack.enter_async_context(cluster.pod(deployment))
            for url in probes.values():

                async def answers(url: str = url) -> bool:
                    return (await web.get(url)).status_code == 200

                await eventually(answers, within_s=20)
            if deployment["metadata"]["name"].endswith("-ingest"):
                await program.says("a member is taken")
