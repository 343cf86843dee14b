"""`lakesight setup`: what a workspace must hold before the first run, made and read back."""
