"""Lakesight's training core: data, tasks, training, evaluation. Importing it is cheap."""

__version__ = "0.1.0"
