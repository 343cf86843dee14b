"""Monitor: endpoints, their traffic and drift, what they saw; jobs, the app, and who did what."""

from panel_app.pages.monitor.page import MonitorPage

__all__ = ["MonitorPage"]
