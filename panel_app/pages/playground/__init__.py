"""The page Playground: a model is asked about an image that a person gives."""

from panel_app.pages.playground.page import PlaygroundPage

__all__ = ["PlaygroundPage"]
