"""The app's verb of `lakesight`, light until it runs."""
