"""Configuration: schemas, overrides, composition. Inert data; importing it is cheap."""
