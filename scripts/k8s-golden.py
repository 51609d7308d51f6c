#!/usr/bin/env python3
"""Writes tests/chart/golden anew from the chart; review the difference before you commit it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.chart.rendering import whole
from tests.chart.test_golden import GOLDEN

GOLDEN.write_text(whole())
