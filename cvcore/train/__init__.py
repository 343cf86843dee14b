"""Training: the readable story of a run, its checkpoints, its exact resume."""
