"""The procedural world: the tiny scale's photographs, deterministic from a seed."""
