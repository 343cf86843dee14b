"""The promotion gate: a policy's rules over the facts of a version. Torch-free."""
