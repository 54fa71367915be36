"""What `flet build` is given: all that the app needs, and nothing of the server."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
_IMPORT_ALL = """
import importlib, pkgutil, sys
sys.path.insert(0, sys.argv[1])
import sunsweep.app
left_here = {"sunsweep.app.words.upkeep", "sunsweep.app.words.__main__"}
for module in pkgutil.walk_packages(sunsweep.app.__path__, "sunsweep.app."):
    if not module.name.endswith("_browser") and module.name not in left_here:
        importlib.import_module(module.name)
from sunsweep.app.words.catalogue import languages
assert sunsweep.app.__file__.startswith(sys.argv[1]), sunsweep.app.__file__
print(*languages())
print(*sorted({name.partition(".")[0] for name in sys.modules} & {"msgspec", "pydantic", "fastapi", "sqlalchemy"}))
"""


def test_it_starts_from_what_is_packaged_alone(tmp_path: Path) -> None:
    subprocess.run([ROOT / "scripts/package-app.sh", "--only-lay-out", tmp_path], check=True, timeout=60)
    source = tmp_path / "src"
    assert {path.name for path in source.iterdir()} == {"main.py", "assets", "sunsweep"}
    command = [sys.executable, "-I", "-c", _IMPORT_ALL, str(source)]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.splitlines()
    assert said == ["en ar es", ""], "its languages, and nothing that only a server needs"


def test_it_asks_for_the_same_packages_as_the_extra() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    packaged = tomllib.loads((ROOT / "deploy/app/pyproject.toml").read_text())["project"]
    desk_only = "flet-desktop"
    wanted = {one for one in project["optional-dependencies"]["app"] if not one.startswith(desk_only)}
    assert set(packaged["dependencies"]) == wanted
    assert packaged["version"] == project["version"]


def test_a_server_gets_the_built_app_from_a_wheel_of_its_own(built: Path, tmp_path: Path) -> None:
    hatchling = str(Path(sys.executable).with_name("hatchling"))
    command = [hatchling, "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT / "deploy/site", check=True, capture_output=True, timeout=100)
    (wheel,) = tmp_path.glob("sunsweep_site-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    brought = {
        f"sunsweep_site/site/{path.relative_to(built).as_posix()}" for path in built.rglob("*") if path.is_file()
    }
    assert brought <= names
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert wheel.name.split("-")[1] == version
