"""What a training will take, before it is paid for: memory, steps, time, cost, and what to choose."""
