#!/usr/bin/env python3
"""Writes charts/chatbot/README.md from the values and their sentences; `--check` only asks if it is current.

helm-docs and helm-schema do this too, but they are Go programs, and `./taskw` installs what it needs from
Python's registry alone, where neither is published. The schema is written by hand: its patterns and bounds
could only move into the comments, not come from them.
"""

import re
import sys
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parents[1] / "charts" / "chatbot"
README = CHART / "README.md"


def rows(text: str) -> list[tuple[str, str, str]]:
    """(path, default, sentence) of every commented value; a sentence on a map stands for its children."""
    values = yaml.safe_load(text)
    found: list[tuple[str, str, str]] = []
    path: list[tuple[int, str]] = []
    sentence = ""
    for line in text.splitlines():
        if match := re.match(r"\s*# -- (.*)", line):
            sentence = match[1]
            continue
        match = re.match(r"(\s*)([A-Za-z0-9-]+):", line)
        if match is None:
            continue
        indent = len(match[1])
        path = [*(part for part in path if part[0] < indent), (indent, match[2])]
        if sentence:
            keys = [key for _, key in path]
            found.append((".".join(keys), shown(values, keys), sentence))
            sentence = ""
    return found


def shown(values: Any, keys: list[str]) -> str:
    """The default as one line of YAML."""
    for key in keys:
        values = values[key]
    text = yaml.safe_dump(values, default_flow_style=True, width=1000, allow_unicode=True).strip()
    return text.removesuffix("...").strip().replace("|", "\\|")


def readme() -> str:
    """The whole page."""
    text = (CHART / "values.yaml").read_text()
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    table = "\n".join(f"| `{path}` | `{default}` | {sentence} |" for path, default, sentence in rows(text))
    examples = "\n".join(
        f"- [`{path.name}`](examples/{path.name}): "
        + path.read_text().splitlines()[0].removeprefix("# ").rstrip(".:")
        for path in sorted((CHART / "examples").glob("*.yaml"))
    )
    return f"""# {chart["name"]} {chart["version"]}

{chart["description"]} How to install, change and diagnose it: [docs/kubernetes.md](../../docs/kubernetes.md).

```sh
helm install chat charts/chatbot -f charts/chatbot/examples/two-gpu-nodes.yaml --set images.registry=REGISTRY
```

## Examples

{examples}

## Values

A wrong name or type is refused by `values.schema.json`, a wrong relation by a message that says the fix.
Every service has the keys of `serviceDefaults`; a further service is a further block under `services`.

| value | default | what it is |
|---|---|---|
{table}

<!-- Made by scripts/k8s-readme.py from values.yaml; edit that. -->
"""


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if README.read_text() == readme() else "run ./taskw k8s:readme")
    README.write_text(readme())
