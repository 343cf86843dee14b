"""Lakesight's launcher layer: where a composed run is executed. Never imports torch."""
