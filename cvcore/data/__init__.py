"""Data sets: records, readers, label space, contract, statistics, transforms."""
