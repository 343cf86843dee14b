"""Who did what: launched, cancelled, registered, promoted, deployed, deleted.

Written by the functions of this layer that do it, so the command line, the app and a notebook all are
in it. `record` writes, `log.ActivityLog` keeps and finds, `export` gives a file.
"""
