#!/usr/bin/env python3
"""Writes charts/chatbot/files/titles.json from the registry of services: what the gateway's pages call them.

A service that is not in the file goes by its name there, so a service is added without it.
"""

import json
import re
import sys
from pathlib import Path

from chatbot.services.registry import SERVICES

TITLES = Path(__file__).resolve().parents[1] / "charts" / "chatbot" / "files" / "titles.json"


def titles() -> str:
    """The file's text; ends the program where HTML or nginx.conf would not take a title as it is."""
    found = {str(name): dict(SERVICES[name].title) for name in sorted(SERVICES)}
    for name, title in found.items():
        if wrong := [text for text in title.values() if re.search(r"[<>&'\"$\\\n]", text)]:
            sys.exit(f"services/{name}.py: the title {wrong[0]!r} must do without < > & ' \" $ and \\")
    return json.dumps(found, ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    TITLES.write_text(titles(), encoding="utf-8")
