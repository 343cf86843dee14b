"""Batch inference from commands and pages: `local` runs it here, `submit` as a run of a launcher."""
