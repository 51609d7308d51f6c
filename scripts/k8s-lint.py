#!/usr/bin/env python3
"""Lints the chart with every example (Helm's SDK) and the Dockerfiles (hadolint)."""

import subprocess
import sys
from pathlib import Path

import helm_python as helm
import yaml

ROOT = Path(__file__).resolve().parents[1]
CHART = ROOT / "charts" / "chatbot"

faults = []
for example in [None, *sorted((CHART / "examples").glob("*.yaml"))]:
    values = {} if example is None else yaml.safe_load(example.read_text())
    report = helm.lint(str(CHART), values, strict=True)
    name = "defaults" if example is None else example.name
    faults += [f"{name}: {note}" for note in report["messages"] if note["severity"] > 1]
    faults += [f"{name}: {error}" for error in report["errors"]]
dockerfiles = [*sorted(ROOT.glob("images/*/Dockerfile")), *sorted(ROOT.glob("k8s-tests/*/Dockerfile"))]
hadolint = Path(sys.executable).parent / "hadolint"
done = subprocess.run([hadolint, *dockerfiles], capture_output=True, text=True, check=False)
faults += done.stdout.splitlines() + done.stderr.splitlines()
print("\n".join(faults) or f"chart and {len(dockerfiles)} Dockerfiles: nothing to say")
sys.exit(1 if faults or done.returncode else 0)
