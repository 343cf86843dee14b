"""The page Data: choose a data set, look at it, find what is wrong with it."""

from panel_app.pages.data.page import DataPage

__all__ = ["DataPage"]
