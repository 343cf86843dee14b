"""Endpoints: models that answer requests, on this machine or on Databricks Model Serving.

types       what an endpoint is, the same in every place
places      which place a word means; each is imported when it is asked for
models      which model a word means
local/      endpoints of this machine: a gateway and MLflow scoring servers
databricks  endpoints of a workspace
ask         sends images, gives answers; snippets writes the same as curl and Python
smoke       whether an endpoint answers as it should; load: how fast
cost        what it costs while it runs
"""
