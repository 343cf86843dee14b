"""Endpoints of this machine: `LocalEndpoints` writes what is wanted, a manager process does it.

Each endpoint is a folder below the state folder; it is the truth, and everybody reads it:

    wanted.json      versions, shares, port: what people asked for, and what it was before
    status.json      how it is, and its processes; by the manager
    lock             held (flock) by the manager as long as it lives
    models/<served>  the MLflow model that is served: a copy, so that nobody changes it meanwhile
    logs/            manager.log, <served>.log, <served>.build.log
    requests.jsonl   one line per request: when, which version, status, seconds, bytes
"""
