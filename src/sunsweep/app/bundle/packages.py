"""The Python packages that go to the browser.

Pure ones are taken as they are installed here, where `requirements.lock` has put them: app and browser cannot differ.
What is compiled comes from `browser.lock`, checked by its hash.
"""

import re
import subprocess
import sys
import zipfile
from hashlib import sha256
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath
from typing import Final

LOCK: Final = Path(__file__).with_name("browser.lock")
INSTALLED: Final = ("flet", "flet-map", "qrcode", "repath", "six")
_PLATFORM: Final = (
    "--platform=pyemscripten_2026_0_wasm32",
    "--python-version=314",
    "--implementation=cp",
    "--abi=cp314",
)
_TEMPLATES_AND_TYPINGS: Final = {".pyi", ".typed", ".pyx", ".pxd", ".h", ".hpp", ".c", ".cpp"}
_LEFT_OUT: Final = (
    "flet/testing",
    "flet/fastapi",
    "msgpack/fallback.py",
    "qrcode/console_scripts.py",
    "qrcode/release.py",
    "qrcode/tests",
)
"""Tests, command lines, and what stands in where a compiled part is missing."""


def copy_installed(into: Path) -> None:
    """Raises `PackageNotFoundError` where the extra `app` is not installed."""
    for name in INSTALLED:
        files = distribution(name).files or []
        for file in files:
            if _is_wanted(PurePosixPath(file)):
                _write(into / file, Path(file.locate()).read_bytes())


def unpack_compiled(cache: Path, into: Path) -> None:
    """Raises `CalledProcessError` where a wheel can neither be found in `cache` nor be downloaded."""
    for wheel in _wheels(cache):
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if _is_wanted(PurePosixPath(name)):
                    _write(into / name, archive.read(name))


def _wheels(cache: Path) -> list[Path]:
    folder = cache / "wheels"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = set(re.findall(r"--hash=sha256:([0-9a-f]{64})", LOCK.read_text(encoding="utf-8")))
    known = {sha256(wheel.read_bytes()).hexdigest(): wheel for wheel in folder.glob("*.whl")}
    if not wanted <= known.keys():
        _download(folder)
        known = {sha256(wheel.read_bytes()).hexdigest(): wheel for wheel in folder.glob("*.whl")}
    wheels = [known[digest] for digest in sorted(wanted)]
    for wheel in wheels:
        wheel.touch()
    return wheels


def _download(folder: Path) -> None:
    """From where pip is set up to look."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--quiet", "--disable-pip-version-check", "download"]
    kind = ["--no-deps", "--only-binary=:all:", "--require-hashes", *_PLATFORM]
    command = [*pip, *kind, "--dest", str(folder), "--requirement", str(LOCK)]
    subprocess.run(command, check=True)  # noqa: S603  # our own words


def _is_wanted(file: PurePosixPath) -> bool:
    top = file.parts[0]
    if top.endswith((".dist-info", ".data")) or top in {"..", "__pycache__"} or "__pycache__" in file.parts:
        return False
    return file.suffix not in _TEMPLATES_AND_TYPINGS and not any(
        file.as_posix() == left or file.is_relative_to(left) for left in _LEFT_OUT
    )


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
