"""From a saved model folder to predictions: artifact, predictor, MLflow pyfunc."""
