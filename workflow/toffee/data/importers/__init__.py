"""Importing real photographs: a source is read once, into the layouts that the loaders read.

What is broken is set aside with a reason and never stops the run. A source is not among the inputs
of its rule, because hashing terabytes would read them once more; `sources.csv` beside what was
imported has the SHA-256 of what was read of it instead.
"""
