"""What watches a training: one small HF callback per concern."""
