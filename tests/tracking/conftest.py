"""Makes the trainings of `tests/train` and the servers of `tests/metrics` importable here."""

from __future__ import annotations

import sys
from pathlib import Path

for folder in ("train", "metrics"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))
