"""Errands: work of seconds to hours that a page starts for somebody, in a process of its own.

kinds     what can be asked for: register, promote, export, smoke, load
files     an errand's folder: the truth, which any session and the app after a restart reads
errands   starts, lists and cancels them
run       the process
"""
