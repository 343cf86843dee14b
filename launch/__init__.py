"""Lakesight's launcher layer: where a composed run is executed. Arrives after the core."""
