"""Starts a process, says its id, and sleeps."""

import subprocess
import sys
import time

if __name__ == "__main__":
    sys.stdout.write(f"{subprocess.Popen(['sleep', '60']).pid}\n")
    sys.stdout.flush()
    time.sleep(60)
