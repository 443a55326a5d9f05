"""The MLflow model registry as a source of model versions; needs the extra `mlflow`."""
