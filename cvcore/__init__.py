"""Lakesight's training core: data, tasks, training, evaluation. Importing it is cheap."""

import os

# A thread of torch that waits for the others spins for a millisecond at first. Where a second process wants
# the core, the one it waits for can't go on meanwhile: a training took 20 times as long. Read by OpenMP when
# torch is imported, and by the processes that are started from here.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
