"""What MLflow executes to make the model ("models from code"); keep it this short."""

from mlflow.models import set_model

from cvcore.serve.pyfunc import LakesightModel

set_model(LakesightModel())
