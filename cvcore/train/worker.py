"""`python -m cvcore.train.worker <config.yaml>`: one process of a training on several devices."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

from cvcore.errors import LakesightError
from cvcore.train import frozen


def failure_file(run_dir: Path, rank: int) -> Path:
    """Return where a process leaves the sentence with which it failed."""
    return run_dir / f".failure.{rank}"


def main(config_file: Path) -> int:
    """Train as one of several processes; return the exit code: 0, or the error's."""
    failure = failure_file(config_file.parent, int(os.environ["RANK"]))
    failure.unlink(missing_ok=True)
    from cvcore.train.run import train

    try:
        train(frozen.load(config_file), frozen.read_overrides(config_file.parent))
    except LakesightError as error:
        failure.write_text(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except SystemExit as stop:
        return int(stop.code or 0)
    except Exception:  # noqa: BLE001 (an edge: the process must end, whatever hangs)
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    # Threads of a broken process group may hang on exit; everything is written by now.
    code = main(Path(sys.argv[1]))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
