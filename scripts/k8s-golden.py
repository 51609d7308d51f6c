#!/usr/bin/env python3
"""Writes tests/chart/golden anew from the chart; review the difference before you commit it."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.chart.test_golden import GOLDEN, NAMES, rendered  # noqa: E402

GOLDEN.mkdir(exist_ok=True)
for old in GOLDEN.glob("*.yaml"):
    old.unlink()
for name in NAMES:
    (GOLDEN / f"{name}.yaml").write_text(rendered(name))
print(f"wrote {len(NAMES)} files to {GOLDEN}")
