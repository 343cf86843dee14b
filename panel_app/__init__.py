"""Lakesight's web app and notebook widgets. Arrives after the core."""
