"""Data sets as pages see them: an index on disk, pictures, inspections, made by processes of their own.

The web process never reads a whole data set: a worker process does (`panel_app.data.worker`), writes
what it found below the state folder, and tells how far it is. Pages map those files to memory.
"""
