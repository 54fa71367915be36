"""The one page: what the browser loads first, and how it finds the rest."""

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

BASE = "/app/"


def write_index(site: Path, *, runtime: str, app: str, config: Mapping[str, Any]) -> None:
    """`runtime` and `app` name the two folders, each after its content."""
    template = (Path(__file__).parent / "page/index.html").read_text(encoding="utf-8")
    told = {**config, "runtime": f"{BASE}{runtime}/", "app": f"{BASE}{app}/"}
    # In a script element only "</" would end it.
    data = json.dumps(told, separators=(",", ":")).replace("</", "<\\/")
    page = template.replace("{{config}}", data)
    for name in ("runtime", "app"):
        page = page.replace(f"{{{{{name}}}}}", escape(told[name]))
    (site / "index.html").write_text(page, encoding="utf-8")
