"""Searches for good values with Optuna: each trial is a run below one parent, MLflow is the memory.

`plan` says what is searched, `space` what it may vary, `suggest` asks Optuna, `trials` reads what
came of them from the ledger, `driver` submits the next, `start` begins and goes on with a search.
"""
