"""Runs on this machine: one detached watcher per run, slots, and a queue that is a folder.

launcher     `LocalLauncher`
queue        whose turn it is: tickets in a folder, one lock
supervisor   the process that waits for its slot, starts the training, tries again, says how it ended
files        what a run's folder keeps of it (`job/`)
machine      how many slots there are
process      which processes are alive, and ours
"""
