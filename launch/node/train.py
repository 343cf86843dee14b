"""`python -m launch.node.train <config.yaml>`: a training that this process starts itself."""

from __future__ import annotations

import sys
from pathlib import Path

from cvcore.cli.exit import exit_code
from cvcore.train import frozen


def main(config_file: Path) -> int:
    """Train; return the exit code: 0, 2 for a user's fault."""
    from cvcore.train.run import train

    folder = config_file.parent
    overrides = frozen.read_overrides(folder) if (folder / "overrides.yaml").is_file() else []
    train(frozen.load(config_file), overrides)
    return 0


if __name__ == "__main__":
    sys.exit(exit_code(lambda: main(Path(sys.argv[1]))))
