"""Deploy: endpoints of this machine and of Model Serving, and models that go behind them.

page      the address, and what is shown of it
form      a model, where it goes, and what that costs
listing   endpoints as a table
one       one endpoint: traffic, rollback, start and stop, delete, tests, logs, code
"""

from panel_app.pages.deploy.page import DeployPage

__all__ = ["DeployPage"]
