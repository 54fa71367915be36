"""The built bundle around another program, served by our own server in the test's loop, which hears of its faults."""

import json
import shutil
import tempfile
from asyncio import create_task, gather
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from fastapi import FastAPI, Request, Response

from sunsweep.app.bundle.pack import pack
from sunsweep.server.app_site import add_app_site
from sunsweep.server.gate.headers import SecurityHeaders
from sunsweep.server.listener import listen
from sunsweep.server.web import serve

SOURCES = Path(__file__).parent.parent.parent / "src/sunsweep"


@dataclass
class Served:
    url: str
    faults: list[dict[str, Any]] = field(default_factory=list)


def program(main: str) -> bytes:
    """`sunsweep.app` with this as its `main.py`."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        (tree / "sunsweep/app").mkdir(parents=True)
        for name in ("__init__.py", "app/__init__.py", "app/faults.py"):
            shutil.copyfile(SOURCES / name, tree / "sunsweep" / name)
        (tree / "sunsweep/app/main.py").write_text(main, encoding="utf-8")
        return pack(tree)


def site_with(built: Path, into: Path, files: Mapping[str, bytes]) -> None:
    """A copy of the bundle in which these files, of whichever of its folders, are other ones."""
    shutil.copytree(built, into)
    for name, content in files.items():
        (found,) = into.glob(f"v-*/{name}")
        found.write_bytes(content)
        for ending in (".br", ".gz"):
            found.with_name(found.name + ending).unlink(missing_ok=True)


@asynccontextmanager
async def serving(site: Path) -> AsyncIterator[Served]:
    app = FastAPI()
    listener = listen("127.0.0.1", 0)
    served = Served(f"http://127.0.0.1:{listener.getsockname()[1]}")

    @app.post("/api/v1/app/errors")
    async def hear(request: Request) -> Response:
        assert request.headers["x-requested-with"]
        served.faults.append(json.loads(await request.body()))
        return Response(status_code=204)

    add_app_site(app, site)
    task = create_task(serve(SecurityHeaders(app), listener))
    try:
        yield served
    finally:
        task.cancel()
        await gather(task, return_exceptions=True)


@asynccontextmanager
async def served_program(built: Path, folder: Path, main: str) -> AsyncIterator[Served]:
    """The bundle around this `main.py`."""
    packed = await anyio.to_thread.run_sync(program, main)
    await anyio.to_thread.run_sync(site_with, built, folder / "site", {"program.pack": packed})
    async with serving(folder / "site") as served:
        yield served
