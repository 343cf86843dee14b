"""Evaluations as the page Evaluate reads them: found, opened, searched and drawn. Nothing of a session."""
