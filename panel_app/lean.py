"""MLflow's client without pandas, pyarrow and SciPy: 100 MB less in a process that only reads the ledger.

`mlflow-skinny`, the distribution of the client alone, has none of the three, and the client's imports of them
are made for that. Where all of MLflow is installed it imports them when it is imported, used or not.
"""

from __future__ import annotations

import sys

HEAVY = ("pandas", "pyarrow", "scipy")


def import_mlflow() -> None:
    """Import MLflow as where the heavy three aren't installed; they can be imported as ever afterwards.

    Call it before anything else imports MLflow, and while no other thread imports one of the three.
    Where one of them is there already nothing is saved, and nothing is kept away.
    """
    if any(name in sys.modules for name in ("mlflow", *HEAVY)):
        return
    # What Python's import takes as "not installed".
    sys.modules.update(dict.fromkeys(HEAVY))  # type: ignore[arg-type]
    try:
        import mlflow  # noqa: F401
    except ImportError:
        # A version that can't do without: it is imported again, whole, when it is needed.
        for name in [name for name in sys.modules if name.partition(".")[0] == "mlflow"]:
            del sys.modules[name]
    finally:
        for name in HEAVY:
            del sys.modules[name]
