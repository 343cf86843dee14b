"""The page Evaluate: figures of a model, what is behind them, every image, thresholds, two models."""

from panel_app.pages.evaluate.page import EvaluatePage

__all__ = ["EvaluatePage"]
