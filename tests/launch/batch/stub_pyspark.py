"""As much of pyspark as the batch's driver calls, on pandas: there is no Spark here."""

import fnmatch
import re
from types import SimpleNamespace

import pandas as pd


def local(path):
    from cvcore.data.places import localise

    return localise(path)


class Reader:
    def __init__(self):
        self.options = {}

    def format(self, name):
        assert name == "binaryFile"
        return self

    def option(self, key, value):
        self.options[key] = value
        return self

    def load(self, path):
        pattern = self.options["pathGlobFilter"]
        suffixes = re.fullmatch(r"\*\{(.*)\}", pattern)[1].split(",")
        files = sorted(p for p in local(path).rglob("*") if p.is_file())
        chosen = [p for p in files if any(fnmatch.fnmatchcase(p.name, f"*{s}") for s in suffixes)]
        rows = {"path": [p.name for p in chosen], "content": [p.read_bytes() for p in chosen]}
        return Frame(pd.DataFrame(rows))


class Frame:
    def __init__(self, frame, schema="", expressions=()):
        self.frame, self.schema, self.expressions = frame, schema, expressions

    def selectExpr(self, *expressions):  # noqa: N802
        if expressions == ("path AS image", "content"):
            return Frame(self.frame.rename(columns={"path": "image"}))
        return Frame(self.frame, self.schema, expressions)

    def mapInPandas(self, function, schema):  # noqa: N802
        half = len(self.frame) // 2
        parts = function(iter([self.frame.iloc[:half], self.frame.iloc[half:]]))
        return Frame(pd.concat(list(parts)), schema)

    @property
    def write(self):
        return Writer(self)


class Writer:
    def __init__(self, frame):
        self.frame, self.kind, self.how = frame, "", {}

    def format(self, kind):
        self.kind = kind
        return self

    def mode(self, mode):
        self.how["mode"] = mode
        return self

    def options(self, **options):
        self.how |= options
        return self

    def save(self, path):
        folder = local(path)
        folder.mkdir(parents=True, exist_ok=True)
        self.frame.frame.to_parquet(folder / "part-0.parquet")
        (folder / "how.txt").write_text(f"{self.kind} {self.how}\n{self.frame.expressions}")


def session():
    context = SimpleNamespace(cancelAllJobs=lambda: None)
    return SimpleNamespace(read=Reader(), sparkContext=context)


class SparkSession:
    builder = SimpleNamespace(getOrCreate=session)

    @staticmethod
    def getActiveSession():  # noqa: N802 (pyspark's name)
        """Return what MLflow's registry client looks for."""
