"""A saved model as a version of a registered model: facts, card, package, version."""
