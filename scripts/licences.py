"""List the licence of everything that serving needs, from the metadata of what is installed.

usage: .venv/bin/python scripts/licences.py

Reads requirements/serve.txt and assets.txt. The licence is what a package's own metadata says: its
expression, else its classifiers, else its free text. A package that calls itself inactive is marked.
"""

import re
from collections import defaultdict
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path


def licence(found: Distribution) -> str:
    """The licence that a package names, or ``not named``."""
    expression = str(found.metadata.json.get("license_expression") or "")
    classifiers = [
        each.rpartition(" :: ")[2]
        for each in found.metadata.get_all("Classifier") or []
        if each.startswith("License ::") and each != "License :: OSI Approved"
    ]
    text = str(found.metadata.json.get("license") or "").strip().splitlines()
    return expression or ", ".join(classifiers) or (text[0] if text else "not named")


def main() -> None:
    """Print a line for each licence, with the packages under it."""
    packages = defaultdict(list)
    folder = Path(__file__).parents[1] / "requirements"
    pinned = "".join((folder / name).read_text() for name in ("serve.txt", "assets.txt"))
    for name in sorted(set(re.findall(r"^([a-z0-9-]+)==", pinned, re.MULTILINE))):
        try:
            found = distribution(name)
        except PackageNotFoundError:
            packages["for other systems, not installed here"].append(name)
            continue
        inactive = any("Inactive" in each for each in found.metadata.get_all("Classifier") or [])
        packages[licence(found)].append(f"{name}{' (inactive)' if inactive else ''}")
    print("| licence | packages |\n|---|---|")
    for terms, names in sorted(packages.items()):
        print(f"| {terms} | {', '.join(names)} |")


if __name__ == "__main__":
    main()
