"""Watches endpoints: a flight recorder, drift against the training, alerts, hard images. Torch-free.

`recorder` writes what an endpoint saw, `store` keeps it; `watch` says how things are; `alerts` tells
somebody, once; `hard` makes a data set of what the model was unsure of. An endpoint of this machine records
and looks for alerts in its own process.
"""
