"""The launcher's verbs of `lakesight`: found through the entry-point group `lakesight.verbs`.

Each is a module with `HELP`, `add_arguments(parser)` and `run(args)`, light until it runs.
"""
