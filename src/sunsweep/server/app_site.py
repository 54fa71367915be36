"""The app at `/app`: its one page for every address, and the files that the page loads."""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

import anyio
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

_CODINGS: Final = (("br", ".br"), ("gzip", ".gz"))
"""By preference."""
_TYPES: Final = {
    ".bin": "application/octet-stream",
    ".css": "text/css; charset=utf-8",
    ".frag": "application/octet-stream",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".otf": "font/otf",
    ".pack": "application/octet-stream",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".wasm": "application/wasm",
    ".woff2": "font/woff2",
    ".zip": "application/zip",
}
_FOR_EVER: Final = "public, max-age=31536000, immutable"
_ASK_FIRST: Final = "no-cache"
_NEVER: Final = "no-store"
_RESET: Final = "reset"
"""Its address has a secret in it, from a mail."""
_BROUGHT: Final = "sunsweep_site"
_NOT_BUILT: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sunsweep: the app is not built</title>
<link rel="icon" href="data:,">
<style>
  :root { color-scheme: light dark; }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 36rem; margin: 0 auto; padding: 1.5rem; }
  h1 { font-size: 1.4rem; }
</style>
</head>
<body>
<h1>The app is not built</h1>
<p>This server runs from its sources, and the app has not been built there yet. <code>make app</code> in the project's
folder builds it, within a minute; then reload this page.</p>
<p>The API works meanwhile: <a href="/docs">its documentation</a>.</p>
</body>
</html>
"""


def built_site() -> Path:
    """Where the builder puts the app; without one, what the wheel `sunsweep-site` has brought."""
    built = Path(str(files("sunsweep.app"))) / "bundle/site"
    if not built.exists() and find_spec(_BROUGHT) is not None:
        return Path(str(files(_BROUGHT))) / "site"
    return built


def add_app_site(app: FastAPI, site: Path) -> None:
    """Serve `site` under `/app`; it may be built, or built anew, while the server runs."""

    async def index(request: Request) -> Response:
        return await _index(request, site, _ASK_FIRST)

    async def file(request: Request) -> Response:
        path: str = request.path_params["path"]
        if "." not in path.rpartition("/")[2]:
            return await _index(request, site, _NEVER if path.strip("/") == _RESET else _ASK_FIRST)
        found = await anyio.to_thread.run_sync(_find, site, path)
        if found is None:
            raise HTTPException(404)
        return await _answer(request, found.file, _FOR_EVER if found.is_for_ever else _ASK_FIRST)

    app.add_route("/app", index, ["GET"], include_in_schema=False)
    app.add_route("/app/{path:path}", file, ["GET"], include_in_schema=False)


async def _index(request: Request, site: Path, keeps: str) -> Response:
    page = await anyio.to_thread.run_sync(_find, site, "index.html")
    if page is None:
        return HTMLResponse(_NOT_BUILT, 503, headers={"cache-control": _NEVER})
    return await _answer(request, page.file, keeps)


class _Found(NamedTuple):
    file: Path
    is_for_ever: bool
    """Whether it lies in a folder named after its content, by whatever address it was asked for."""


def _find(site: Path, path: str) -> _Found | None:
    """A file of the site with a type we know; nothing outside of it, by whatever name."""
    if "\0" in path or Path(path).suffix not in _TYPES:
        return None
    root = site.resolve()
    try:
        file = (root / path).resolve()
        is_ours = file.is_relative_to(root) and file.is_file()
    except OSError:
        # Longer than a name can be.
        return None
    return _Found(file, file.relative_to(root).parts[0].startswith("v-")) if is_ours else None


async def _answer(request: Request, file: Path, keeps: str) -> Response:
    coded, coding = await anyio.to_thread.run_sync(_coded, file, request.headers.get("accept-encoding", ""))
    stat = await anyio.to_thread.run_sync(coded.stat)
    tag = await anyio.to_thread.run_sync(_tag, coded, stat.st_mtime_ns, stat.st_size)
    headers = {"cache-control": keeps, "etag": tag, "vary": "accept-encoding"}
    if _is_known(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    if coding is not None:
        headers["content-encoding"] = coding
    return FileResponse(coded, headers=headers, media_type=_TYPES[file.suffix], stat_result=stat)


@lru_cache(maxsize=256)
def _tag(file: Path, _mtime_ns: int, _size: int) -> str:
    """By content: an image may give the files of every release one date, and two of their pages have one length."""
    return f'"{blake2b(file.read_bytes(), digest_size=16).hexdigest()}"'


def _coded(file: Path, accepted: str) -> tuple[Path, str | None]:
    """What lies beside the file for somebody who accepts it, and the coding's name; else the file itself."""
    wishes = _weights(accepted)
    for coding, ending in _CODINGS:
        beside = file.with_name(file.name + ending)
        if wishes.get(coding, wishes.get("*", 0.0)) > 0 and beside.is_file():
            return beside, coding
    return file, None


def _weights(accepted: str) -> Mapping[str, float]:
    """RFC 9110, 12.5.3: names with their weights; a weight that is none counts as 0."""
    weights: dict[str, float] = {}
    for part in accepted.lower().split(","):
        name, _, parameter = part.partition(";")
        weight = parameter.partition("=")[2].strip()
        try:
            weights[name.strip()] = float(weight) if weight else 1.0
        except ValueError:
            weights[name.strip()] = 0.0
    return weights


def _is_known(asked: str, tag: str) -> bool:
    tags = [one.strip().removeprefix("W/") for one in asked.split(",")]
    return tag in tags or "*" in tags
