"""Metrics: records, the spool that survives an outage, streams, names."""
