"""Runs on Databricks: jobs of a bundle, new job clusters, serverless GPUs.

launcher.DatabricksLauncher   submit, poll, cancel, logs
code                          this code as a wheel on a Volume, and pinned requirements
nodes, runtimes               which machines and runtimes there are, and which one is meant
cluster, task                 the bodies of requests
states, failures              what the platform says, and what it means to a person
reconcile                     closes MLflow runs whose job is gone
"""
