"""A model without weights that answers as ours do: it loads in a moment. Run by MLflow as code."""

import base64
import io
import json
import os
import time
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from PIL import Image


class Stub(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        self.name = Path(context.artifacts["name"]).read_text()
        if self.name == "broken":
            raise RuntimeError("Error: the weights are torn")

    def predict(self, context, model_input, params=None):
        return pd.DataFrame({"answer": [self.one(value) for value in model_input["image"]]})

    def one(self, value):
        data = base64.b64decode(value)
        if data == b"die":
            os._exit(7)
        if data == b"bug":
            raise KeyError("a fault of the model")
        if data == b"slow":
            time.sleep(1)
            data = base64.b64decode(GREY)
        try:
            width, height = Image.open(io.BytesIO(data)).size
        except OSError as error:
            raise MlflowException(f"row 0: {error}", error_code=INVALID_PARAMETER_VALUE) from error
        label = self.name + os.environ.get("STUB_MODE", "")
        return json.dumps({"size": [height, width], "classes": [{"label": label, "score": 1.0}]})


def grey():
    buffer = io.BytesIO()
    Image.new("RGB", (12, 8), (128, 128, 128)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


GREY = grey()
set_model(Stub())
