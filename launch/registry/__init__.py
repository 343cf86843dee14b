"""The model registry: versions, aliases, the gate before an alias moves."""
