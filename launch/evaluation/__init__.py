"""Evaluations as runs of their own: in the ledger, in the queue, with progress, to be canceled."""
