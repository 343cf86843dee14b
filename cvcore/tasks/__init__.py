"""Tasks: what a batch, a prediction and a metric are for each of the five."""
