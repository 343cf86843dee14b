"""Loads a logged model and predicts: run by its path, with no folder of ours on the path.

Takes tracking URI and model URI; the image (base64) comes on standard input, the answer (JSON) goes out.
"""

import json
import logging
import os
import sys
import warnings

os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
warnings.filterwarnings("ignore")


def main() -> int:
    """Print one JSON object: `answer` and `code`, the folder of the code that was used."""
    import mlflow
    import pandas as pd

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    tracking_uri, uri = sys.argv[1:]
    mlflow.set_tracking_uri(tracking_uri)
    model = mlflow.pyfunc.load_model(uri)
    frame = model.predict(pd.DataFrame({"image": [sys.stdin.read().strip()]}))
    code = str(sys.modules["cvcore"].__file__)
    answer = json.loads(frame["answer"].iloc[0])
    sys.stdout.write("\n" + json.dumps({"answer": answer, "code": code}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
