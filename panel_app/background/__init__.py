"""What runs beside the sessions: one poller per watched run, for all who watch. Nothing is reactive."""
