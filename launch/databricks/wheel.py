"""This code as a wheel, from a checkout or an installation, the same bytes every time.

    python -m launch.databricks.wheel dist

Needs no build tool, so the app can do it too. The bytes depend on the files only, so the wheel's
hash names the code.
"""

from __future__ import annotations

import base64
import hashlib
import re
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib import metadata
from io import BytesIO
from pathlib import Path

from cvcore import __version__
from cvcore.config.paths import PACKAGE, conf_dir

PACKAGE_NAME = "lakesight"
ENTRY_POINT = "lakesight-node"
FILE_NAME = f"{PACKAGE_NAME}-{__version__}-py3-none-any.whl"

_PACKAGES = ("cvcore", "launch")
_SCRIPTS = {"lakesight": "cvcore.cli.main:main", ENTRY_POINT: "launch.node.main:main"}
_EPOCH = (1980, 1, 1, 0, 0, 0)
_FILE_MODE = 0o100644 << 16


def build() -> bytes:
    """Return the wheel."""
    info = f"{PACKAGE_NAME}-{__version__}.dist-info"
    files = dict(_sources())
    files[f"{info}/METADATA"] = _metadata().encode()
    files[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: lakesight\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    scripts = "".join(f"{key} = {value}\n" for key, value in _SCRIPTS.items())
    files[f"{info}/entry_points.txt"] = f"[console_scripts]\n{scripts}".encode()
    record = "".join(f"{name},{_digest(data)},{len(data)}\n" for name, data in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _FILE_MODE
            archive.writestr(entry, data)
    return out.getvalue()


def _sources() -> Iterator[tuple[str, bytes]]:
    """Yield name in the wheel and content of every file, in a fixed order."""
    root = PACKAGE.parent
    folders = [(name, root / name) for name in _PACKAGES] + [("cvcore/_conf", conf_dir())]
    seen = set()
    for name, folder in folders:
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder).as_posix()
            if path.is_file() and "__pycache__" not in path.parts and not inside.startswith("."):
                target = f"{name}/{inside}"
                if target not in seen:
                    seen.add(target)
                    yield target, path.read_bytes()


def _metadata() -> str:
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {PACKAGE_NAME}",
        f"Version: {__version__}",
        "Requires-Python: >=3.11",
        *(f"Requires-Dist: {text}" for text in _requires()),
    ]
    return "\n".join(lines) + "\n"


def _requires() -> list[str]:
    """Return what the code needs in any case; what a training needs is pinned elsewhere."""
    project = PACKAGE.parent / "pyproject.toml"
    if project.is_file():
        return list(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["dependencies"])
    found = metadata.requires(PACKAGE_NAME) or []
    return [text for text in found if not re.search(r";.*\bextra\b", text)]


def _digest(data: bytes) -> str:
    raw = hashlib.sha256(data).digest()
    return "sha256=" + base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def main(folder: Path) -> None:
    """Write the wheel into a folder, the only one there."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{PACKAGE_NAME}-*.whl"):
        old.unlink()
    path = folder / FILE_NAME
    path.write_bytes(build())
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "dist"))
