"""`python -m panel_app.errands.run <folder>`: does an errand and writes how it ended."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path

from cvcore.errors import LakesightError
from panel_app.errands.files import ErrandFiles
from panel_app.errands.kinds import KINDS


def main(folder: Path) -> int:
    """Do it; returns 0 if it went well."""
    files = ErrandFiles(folder)
    request = files.read_request()
    assert request is not None, f"{folder} is no errand"
    # Who started it may have been killed before it could say this.
    files.write_process(os.getpid())
    # What was begun is taken back, also when it is told to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with files.log.open("a", encoding="utf-8", buffering=1) as log:

        def say(text: str) -> None:
            log.write(json.dumps([round(time.time(), 3), text]) + "\n")

        try:
            result = KINDS[request.kind](request, folder, say)
        except LakesightError as error:
            files.end({"error": str(error)})
            return 2
        except Exception:  # noqa: BLE001 (an edge: whoever looks at the page gets a sentence)
            traceback.print_exc()
            text = f"This is a fault of Lakesight. {files.errors} has more."
            files.end({"error": text})
            return 1
    files.end({"result": result})
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
