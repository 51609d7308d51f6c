#!/usr/bin/env python3
"""Writes src/chatbot/domain/scripts.txt from the Scripts data of Unicode (UAX 24).

usage: scripts/unicode-scripts.py Scripts.txt

Debian's package unicode-data has that file at /usr/share/unicode/Scripts.txt. Ranges that touch are joined.
"""

import re
import sys
from pathlib import Path

TABLE = Path(__file__).resolve().parents[1] / "src" / "chatbot" / "domain" / "scripts.txt"
LINE = re.compile(r"([0-9A-F]+)(?:\.\.([0-9A-F]+))? *; (\w+)")


def table(data: str) -> str:
    """A line for each script: its name, and its code points as ranges in hexadecimal digits."""
    version = re.match(r"# Scripts-([\d.]+)\.txt", data)
    if version is None:
        sys.exit("this is no Scripts.txt of Unicode")
    scripts: dict[str, list[list[int]]] = {}
    found = (LINE.match(line) for line in data.splitlines())
    for first, last, script in sorted((int(m[1], 16), int(m[2] or m[1], 16), m[3]) for m in found if m):
        ranges = scripts.setdefault(script, [])
        if ranges and ranges[-1][1] == first - 1:
            ranges[-1][1] = last
        else:
            ranges.append([first, last])
    head = f"# Scripts of Unicode {version[1]}, from its Scripts.txt by scripts/unicode-scripts.py"
    lines = (" ".join([script, *map(_written, scripts[script])]) for script in sorted(scripts))
    return "\n".join([head, *lines]) + "\n"


def _written(ends: list[int]) -> str:
    first, last = ends
    return f"{first:X}" if first == last else f"{first:X}-{last:X}"


if __name__ == "__main__":
    TABLE.write_text(table(Path(sys.argv[1]).read_text("utf-8")), encoding="utf-8")
