"""Jobs: definitions, runs, and the machine room that executes tasks as local processes."""
