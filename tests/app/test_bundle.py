"""What the builder makes: complete, small, the same again, and of what the lock file names."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunsweep.app.bundle import compress, packages
from sunsweep.app.bundle.build import SITE, build, default_cache
from sunsweep.app.bundle.bytecode import compile_tree
from sunsweep.app.bundle.pack import pack, unpack
from sunsweep.app.look.theme import DARK, LIGHT

ROOT = Path(__file__).parent.parent.parent
START_MB = 12.0
"""On the wire at a first visit: a ceiling, so that nobody doubles it without noticing."""


def test_what_stands_there_is_not_built_again(built: Path) -> None:
    assert build(SITE, level=compress.QUICK, cache=default_cache()) is None


def test_a_build_leaves_nothing_beside_it(built: Path) -> None:
    assert [path.name for path in built.parent.glob(".building-*")] == []


def test_nothing_is_compressed_twice(built: Path) -> None:
    assert list(built.rglob("*.br"))
    assert [file.name for file in built.rglob("*") if len(set(file.suffixes[-2:]) & {".br", ".gz"}) == 2] == []
    assert [*built.rglob("*.br.br"), *built.rglob("*.gz.gz")] == []


def test_a_start_loads_no_more_than_it_did(built: Path) -> None:
    start = sum(brotli for tree in built.glob("v-*") for path, (brotli, _) in compress.wire_sizes(tree).items()
                if path in {"main.dart.js", "canvaskit/chromium/canvaskit.wasm", "libraries.pack", "program.pack"}
                or path.startswith("pyodide/"))  # fmt: skip
    assert start < START_MB * 1e6


def test_the_program_has_the_app_and_not_its_builder(built: Path, tmp_path: Path) -> None:
    (packed,) = built.glob("v-*/program.pack")
    unpack(packed.read_bytes(), tmp_path)
    names = {file.relative_to(tmp_path / "sunsweep").as_posix() for file in tmp_path.rglob("*") if file.is_file()}
    assert {"__init__.pyc", "app/main.pyc", "app/words/catalogues/ar.mo", "contract/limits.pyc"} <= names
    assert [name for name in names if name.startswith("app/bundle") or name.endswith((".py", ".po"))] == []


def test_the_browsers_own_wheels_are_those_of_the_lock_file() -> None:
    ours = set(re.findall(r"sha256:([0-9a-f]{64})", packages.LOCK.read_text()))
    assert ours
    assert ours <= set(re.findall(r"sha256:([0-9a-f]{64})", (ROOT / "requirements.lock").read_text()))


def test_the_first_page_has_the_colours_of_the_app() -> None:
    css = (ROOT / "src/sunsweep/app/bundle/page/boot.css").read_text()
    for scheme in (LIGHT, DARK):
        for colour in (scheme.surface, scheme.on_surface, scheme.on_surface_variant, scheme.primary):
            assert str(colour).lower() in css


names = st.lists(st.text("abcü-.", min_size=1).filter(lambda text: text.strip(".")), min_size=1, max_size=3)


@given(st.dictionaries(names.map("/".join), st.binary(max_size=200), max_size=6))
def test_a_pack_holds_what_was_packed(files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tree, again = Path(folder, "tree"), Path(folder, "again")
        tree.mkdir()
        for name, content in files.items():
            file = tree / f"{name}.x"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        unpack(pack(tree), again)
        assert {name: (again / f"{name}.x").read_bytes() for name in files} == files


SOURCE = '''"""Of the module."""
from __future__ import annotations

class Documented:
    """Of the class."""

    def only(self):
        """Of the method."""

def more():
    """Of the function."""
    return 42
'''


def test_compiled_code_runs_and_has_lost_its_docstrings(tmp_path: Path) -> None:
    (tmp_path / "probe.py").write_text(SOURCE)
    compile_tree(tmp_path, "/seen/as")
    assert not (tmp_path / "probe.py").exists()
    program = (
        "import probe as p; print(p.__doc__, p.Documented.__doc__, p.Documented().only.__doc__, p.more.__doc__,"
        " p.more(), p.more.__code__.co_filename)"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["None", ".", "None", "None", "42", "/seen/as/probe.py"]


def test_what_the_browsers_python_cannot_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "probe.py").write_text("def")
    with pytest.raises(SyntaxError, match=r"probe\.py"):
        compile_tree(tmp_path, "/seen/as")
