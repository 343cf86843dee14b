"""This code as a node installs it, with a stub as pyspark: there is no Spark here."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from launch.databricks.code import Code, this_code

STUB = Path(__file__).with_name("stub_pyspark.py")


def code_with_spark() -> Code:
    """Return this code with the stub as pyspark."""
    code = this_code()
    out = io.BytesIO(code.wheel)
    with zipfile.ZipFile(out, "a") as wheel:
        wheel.writestr("pyspark/__init__.py", "")
        wheel.writestr("pyspark/sql.py", STUB.read_text())
    return Code("stub" + code.digest, out.getvalue(), code.requirements)
