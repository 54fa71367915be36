"""`/app`: one page for every address, files that may be kept for ever, and nothing from outside of the folder."""

import gzip
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import brotli
import httpx
import pytest
from fastapi import FastAPI

from sunsweep.server.api import bare_app
from sunsweep.server.settings import Role

INDEX = "<!doctype html><title>The app</title>"
SCRIPT = "export const answer = 42;" * 20


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    (folder / "v-1").mkdir(parents=True)
    (tmp_path / "secret.js").write_text("secret")
    (folder / "index.html").write_text(INDEX)
    (folder / "stamp").write_text("stamp")
    script = folder / "v-1/a.mjs"
    script.write_text(SCRIPT)
    script.with_name("a.mjs.br").write_bytes(brotli.compress(SCRIPT.encode()))
    script.with_name("a.mjs.gz").write_bytes(gzip.compress(SCRIPT.encode()))
    (folder / "v-1/a.wasm").write_bytes(b"\0asm")
    (folder / "v-1/link.js").symlink_to(tmp_path / "secret.js")
    return folder


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    """Made outside of the loop, as a process makes it."""
    return bare_app(roles=frozenset({Role.API}), site=tmp_path / "site")


@asynccontextmanager
async def browsing(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        yield client


async def test_every_address_of_the_app_is_its_page(app: FastAPI, site: Path) -> None:
    async with browsing(app) as client:
        for path in ("/app", "/app/", "/app/machines/SCM-1", "/app/machines/SCM-1?span=7d", "/app/no/such/page"):
            answer = await client.get(path)
            assert (answer.status_code, answer.text) == (200, INDEX), path
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
            assert answer.headers["cache-control"] == "no-cache"


async def test_the_address_of_a_mailed_secret_is_not_kept(app: FastAPI, site: Path) -> None:
    async with browsing(app) as client:
        for path in ("/app/reset?token=secret", "/app/reset/?token=secret"):
            answer = await client.get(path)
            assert (answer.text, answer.headers["cache-control"]) == (INDEX, "no-store")


async def test_a_file_that_is_not_there_is_no_page(app: FastAPI, site: Path) -> None:
    async with browsing(app) as client:
        for path in ("/app/v-1/gone.js", "/app/v-2/a.mjs", "/app/favicon.ico", "/app/v-1/a.mjs.br", "/app/v-1/a.exe"):
            answer = await client.get(path)
            assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json"), path


async def test_nothing_from_outside_of_the_folder(app: FastAPI, site: Path) -> None:
    async with browsing(app) as client:
        for path in (
            "/app/../secret.js", "/app/%2e%2e/secret.js", "/app/v-1/..%2f..%2fsecret.js", "/app/v-1/link.js",
            "/app//etc/hosts.js", f"/app/{site.parent}/secret.js", "/app/..%5csecret.js", "/app/v-1/a%00.js",
            f"/app/{'a' * 300}.js", f"/app/{'a/' * 3000}a.js",
        ):  # fmt: skip
            answer = await client.get(path)
            assert answer.status_code == 404, path
            assert "secret" not in answer.text.replace("secret.js", ""), path


async def test_files_named_after_their_content_may_be_kept_for_ever(app: FastAPI, site: Path) -> None:
    async with browsing(app) as client:
        answer = await client.get("/app/v-1/a.mjs")
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        for way_round in ("/app/v-1/..%2findex.html", "/app/v-none/..%2findex.html"):
            assert (await client.get(way_round)).headers["cache-control"] == "no-cache", way_round
        wasm = await client.get("/app/v-1/a.wasm", headers={"accept-encoding": "br"})
        assert wasm.headers["content-type"] == "application/wasm"
        assert "content-encoding" not in wasm.headers


@pytest.mark.parametrize(
    ("accepts", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip, deflate", "gzip"),
        ("GZIP;q=0.5", "gzip"),
        ("br;q=0, gzip;q=0.1", "gzip"),
        ("br;q=0.0,*", "gzip"),
        ("*", "br"),
        ("identity", None),
        ("br;q=nothing", None),
        ("", None),
    ],
)
async def test_what_was_compressed_before_goes_to_who_accepts_it(
    app: FastAPI, site: Path, accepts: str, coding: str | None
) -> None:
    async with browsing(app) as client:
        answer = await client.get("/app/v-1/a.mjs", headers={"accept-encoding": accepts})
        assert answer.headers.get("content-encoding") == coding
        assert answer.headers["vary"] == "accept-encoding"
        assert answer.text == SCRIPT
        plain = await client.head("/app/v-1/a.mjs", headers={"accept-encoding": accepts})
        assert (plain.headers["content-length"], plain.content) == (answer.headers["content-length"], b"")


async def test_a_page_that_is_known_is_not_sent_again(app: FastAPI, site: Path) -> None:
    async with browsing(app) as client:
        tag = (await client.get("/app")).headers["etag"]
        for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            answer = await client.get("/app", headers={"if-none-match": known})
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
        (site / "index.html").write_text(INDEX + " anew")
        answer = await client.get("/app", headers={"if-none-match": tag})
        assert (answer.status_code, answer.text) == (200, INDEX + " anew")


async def test_an_app_that_is_not_built_is_told_and_the_api_works_on(app: FastAPI, tmp_path: Path) -> None:
    async with browsing(app) as client:
        for path in ("/app", "/app/machines/SCM-1"):
            answer = await client.get(path)
            assert answer.status_code == 503
            assert "make app" in answer.text
        assert (await client.get("/app/v-1/a.mjs")).status_code == 404
        assert (await client.get("/healthz")).status_code == 200
        (tmp_path / "site").mkdir()
        (tmp_path / "site/index.html").write_text(INDEX)
        assert (await client.get("/app")).text == INDEX


@pytest.fixture
def releases(tmp_path: Path) -> list[FastAPI]:
    """Two, whose pages have one date and one length."""
    apps = []
    for text in ("v-1", "v-2"):
        page = tmp_path / text / "index.html"
        page.parent.mkdir()
        page.write_text(text)
        os.utime(page, ns=(1, 1))
        apps.append(bare_app(roles=frozenset({Role.API}), site=page.parent))
    return apps


async def test_a_release_of_the_same_date_and_length_is_another(releases: list[FastAPI]) -> None:
    tags = []
    for app in releases:
        async with browsing(app) as client:
            tags.append((await client.get("/app")).headers["etag"])
    assert len(set(tags)) == 2
