"""Evaluates a champion on the data of another run, in a process of its own.

python -m cvcore.serve.gate --uri URI --model MODEL_URI --run-id ITS_RUN --like RUN --split test
prints the figures as one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from cvcore.cli.exit import exit_code
from cvcore.cli.parent import end_with_parent


def main() -> int:
    """Evaluate and return the exit code."""
    end_with_parent()
    parser = argparse.ArgumentParser(prog="python -m cvcore.serve.gate")
    for name in ("uri", "model", "run-id", "like", "split"):
        parser.add_argument(f"--{name}", required=True)
    args = parser.parse_args()
    return exit_code(lambda: _run(args))


def _run(args: argparse.Namespace) -> int:
    from cvcore.errors import ModelError
    from cvcore.evaluate.report import plain
    from cvcore.evaluate.saved import evaluate_saved
    from cvcore.metrics import server
    from cvcore.serve.quiet import quiet
    from cvcore.serve.register.facts import SplitFacts
    from cvcore.serve.register.fetch import fetch
    from cvcore.train.frozen import OVERRIDES

    quiet()
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="lakesight-champion-") as temporary:
        folder = fetch(args.uri, args.run_id, Path(temporary), args.model)
        try:
            server.client(args.uri).download_artifacts(args.like, OVERRIDES, temporary)
        except Exception as error:
            raise ModelError(
                f"run {args.like[:8]} has no {OVERRIDES}, so its data are not known here "
                f"({server.in_words(error)})."
            ) from error
        report = evaluate_saved(folder, [], args.split, Path(temporary, "again"))
    found = SplitFacts(report.summary()["metrics"], report.per_class, report.certificate)
    print(json.dumps(plain(asdict(found))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
