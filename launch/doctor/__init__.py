"""`lakesight doctor`: what a run needs, looked at one by one, each with what mends it."""
