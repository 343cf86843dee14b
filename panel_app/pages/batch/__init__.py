"""The page Batch: many images at once, by any model, to files."""

from panel_app.pages.batch.page import BatchPage

__all__ = ["BatchPage"]
