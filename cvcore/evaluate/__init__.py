"""Evaluation: streaming metrics equal to the reference implementations, and their report."""
