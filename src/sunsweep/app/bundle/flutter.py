"""Flutter's part of the bundle: the client that Flet compiled, without what our pages never ask for."""

import json
import re
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

_TAKEN: Final = (
    "main.dart.js",
    "flutter.js",
    "canvaskit/canvaskit.js",
    "canvaskit/canvaskit.wasm",
    "canvaskit/chromium/canvaskit.js",
    "canvaskit/chromium/canvaskit.wasm",
    "assets/AssetManifest.bin",
    "assets/AssetManifest.bin.json",
    "assets/NOTICES",
    "assets/fonts/MaterialIcons-Regular.otf",
    "assets/fonts/roboto.woff2",
    "assets/packages/flutter_map/lib/assets/flutter_map_logo.png",
    "assets/packages/wakelock_plus/assets/no_sleep.js",
    "assets/shaders/ink_sparkle.frag",
    "assets/shaders/stretch_effect.frag",
    "version.json",
)
_FONTS: Final = [
    {"family": "MaterialIcons", "fonts": [{"asset": "fonts/MaterialIcons-Regular.otf"}]},
    {
        "family": "Roboto",
        "fonts": [
            {"asset": "fonts/roboto.woff2"},
            {"asset": "fonts/roboto-500.woff2", "weight": 500},
            {"asset": "fonts/roboto-700.woff2", "weight": 700},
        ],
    },
]
"""Flutter loads every font that this list names before its first frame: those of mathematical formulas stay out."""
_RENDERER: Final = "canvaskit"
_RIVE: Final = re.compile(r'return"https://cdn\.jsdelivr\.net/npm/@rive-app/[^"]*"')
_RIVE_STUB: Final = "globalThis.RiveNative = () => new Promise(() => {});\n"
"""An engine for animations that we do not have. The client asks a stranger for it at each start, and waits for ever
where it does not come; so it is asked for here, and is never ready."""


def folder() -> Path:
    """Where Flet keeps its client. Raises `ModuleNotFoundError` where flet-web is not installed."""
    return Path(str(files("flet_web") / "web"))


def copy_flutter(into: Path, fonts: Path) -> None:
    """`fonts`: files that Flutter asks for when a text has letters that its own fonts lack, by the names it knows."""
    for name in _TAKEN:
        (into / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder() / name, into / name)
    (into / "assets/FontManifest.json").write_text(json.dumps(_FONTS), encoding="utf-8")
    _keep_from_strangers(into)
    if fonts.is_dir():
        shutil.copytree(
            fonts, into / "assets/fonts", dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.md", "*.txt")
        )


def _keep_from_strangers(into: Path) -> None:
    program = into / "main.dart.js"
    text, times = _RIVE.subn('return self.flet.entrypointBaseUrl+"rive/"', program.read_text(encoding="utf-8"))
    if times != 1:
        raise ValueError("main.dart.js of flet-web asks for its animations in another way than it did")
    program.write_text(text, encoding="utf-8")
    (into / "rive/wasm").mkdir(parents=True)
    (into / "rive/wasm/rive_native.js").write_text(_RIVE_STUB, encoding="utf-8")


def build_config() -> dict[str, Any]:
    """What Flutter's loader has to know of its build: the one that every browser can run."""
    script = (folder() / "flutter_bootstrap.js").read_text(encoding="utf-8")
    found = re.search(r"_flutter\.buildConfig = (\{.*\});", script)
    if found is None:
        raise ValueError("flutter_bootstrap.js of flet-web has no build configuration any more")
    config: dict[str, Any] = json.loads(found[1])
    builds = [build for build in config["builds"] if build["renderer"] == _RENDERER]
    return {"engineRevision": config["engineRevision"], "builds": builds}
