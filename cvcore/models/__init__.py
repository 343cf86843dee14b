"""Models: from a checkpoint or a config to an HF model that fits the label space."""
