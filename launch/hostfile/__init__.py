"""Runs on machines that ssh reaches and that share a file system, by DeepSpeed's own launcher."""
