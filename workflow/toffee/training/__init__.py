"""Training: the loop, its checkpoints, and the processes that it is shared out over."""
