"""Security headers on every answer; what an answer says for itself stands."""

import re
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_EVERYWHERE: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "accelerometer=(), camera=(), geolocation=(), gyroscope=(), magnetometer=(), "
    "microphone=(), payment=(), usb=()",
}
_HSTS: Final = "max-age=31536000"
_CLOSED: Final = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

NOTHING: Final = f"default-src 'none'; {_CLOSED}"
"""Of what is no page: were it shown as one, it could load and run nothing."""
PAGE: Final = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; font-src 'self' data:; style-src 'self' 'unsafe-inline'; manifest-src 'self'; "
    "base-uri 'self'; form-action 'none'; frame-ancestors 'none'; object-src 'none'; media-src 'self' blob:"
)
"""Of the app: it compiles WebAssembly, and its page says what its addresses are relative to."""
_DOCS: Final = (
    "default-src 'none'; script-src 'self' {scripts}; connect-src 'self'; img-src 'self' data:; font-src 'self' data:; "
    f"style-src 'self' 'unsafe-inline'; worker-src 'self' blob:; {_CLOSED}"
)
_DOCS_PAGES: Final = frozenset({"/docs", "/docs/oauth2-redirect", "/redoc"})
_INLINE: Final = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


class SecurityHeaders:
    """Plain ASGI; WebSockets pass untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        is_https = scope["scheme"] == "https"
        defaults = _defaults(path, is_https=is_https)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in defaults.items():
                    headers.setdefault(name, value)
                if is_https:
                    message["headers"] = [(name, _secured(name, value)) for name, value in headers.raw]
            await send(message)

        await self._app(scope, receive, _Docs(guarded) if path in _DOCS_PAGES else guarded)


class _Docs:
    """The library's pages have scripts in them: these run by their hashes, and no other."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        if self._start is not None:
            hashes = " ".join(_hashes(_INLINE.findall(message.get("body", b""))))
            MutableHeaders(scope=self._start)["content-security-policy"] = _DOCS.format(scripts=hashes)
            await self._send(self._start)
            self._start = None
        await self._send(message)


def _defaults(path: str, *, is_https: bool) -> dict[str, str]:
    named = dict(_EVERYWHERE)
    named["content-security-policy"] = PAGE if path == "/app" or path.startswith("/app/") else NOTHING
    if path.startswith("/api/"):
        named["cache-control"] = "no-store"
    if is_https:
        named["strict-transport-security"] = _HSTS
    return named


def _secured(name: bytes, value: bytes) -> bytes:
    """A cookie that was asked for by https goes by nothing else."""
    return value + b"; Secure" if name == b"set-cookie" and b"; secure" not in value.lower() else value


def _hashes(scripts: Iterable[bytes]) -> Iterable[str]:
    return (f"'sha256-{b64encode(sha256(script).digest()).decode()}'" for script in scripts)
