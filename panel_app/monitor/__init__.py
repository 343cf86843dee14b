"""What the page Monitor reads and draws, without the page: pure functions and one shared reader."""
