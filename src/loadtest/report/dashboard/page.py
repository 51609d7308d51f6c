"""Builds the dashboard: one HTML file that needs no network, with or without the data of a run inside.

Plotly comes out of the pinned Python package `plotly`, compressed into the page, since the plain bundle
would make every report 5 MB. The page's policy lets exactly these scripts and styles run, each by its hash.
"""

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_SCRIPTS = (
    *("words_ko", "words_en", "words", "reasons", "csv", "numbers", "series", "compare", "dom", "figure"),
    *("charts_times", "charts_load", "charts_ends", "views", "gates", "opening", "main"),
)
# Plotly sets one fixed style attribute on its drawings and fills empty style elements through the object
# model.
_PLOTLY_STYLE = "user-select: none;"
_STYLE_ELEMENT = re.compile(r'getElementById\("([0-9a-f]{64})"\)')


def build_page(
    csv: bytes | None = None,
    summary: Mapping[str, Any] | None = None,
    manifest: Mapping[str, Any] | None = None,
) -> bytes:
    """The dashboard as UTF-8 HTML; with `csv` it opens showing that run."""
    embedded = ""
    if csv is not None:
        data = {"csv": csv.decode("utf-8", errors="replace"), "summary": summary, "manifest": manifest}
        packed = _pack(json.dumps(data, ensure_ascii=False).encode())
        embedded = f'<script type="application/gzip" id="embedded">{packed}</script>'
    return _template().replace("{embedded}", embedded).encode()


@cache
def _template() -> str:
    assets = files("loadtest.report.dashboard") / "assets"
    css = (assets / "style.css").read_text(encoding="utf-8")
    parts = [(assets / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS]
    script = "(() => {\n" + "\n".join(('"use strict";', *parts)) + "})();\n"
    plotly = _plotly()
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hash(script)} {_hash(plotly)}",
            # Plotly fills an empty style element through the object model: the empty text is what is allowed.
            f"style-src {_hash(css)} {_hash('')}",
            "img-src data: blob:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    # The bundle would add this style element with its text, which no hash of ours could follow; it takes the
    # empty one that it finds. (It belongs to maps, which the page does not draw.)
    placeholders = "".join(
        f'<style id="{name}"></style>' for name in sorted(set(_STYLE_ELEMENT.findall(plotly)))
    )
    page = (assets / "page.html").read_text(encoding="utf-8")
    for name, text in (
        ("policy", policy),
        ("css", css),
        ("placeholders", placeholders),
        ("plotly", _pack(plotly.encode())),
        ("script", script),
    ):
        page = page.replace(f"{{{name}}}", text, 1)
    return page


def _plotly() -> str:
    """The bundle inside the Python package, found without importing that package: only this file of it is
    used.
    """
    spec = find_spec("plotly")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("the dashboard needs the Python package plotly (requirements/loadtest.txt)")
    bundle = Path(spec.submodule_search_locations[0]) / "package_data" / "plotly.min.js"
    return bundle.read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _pack(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, 6, mtime=0)).decode()
