"""Importing real photographs: a source is read once and written in the layouts of the loaders.

Broken files are set aside with a reason and never stop the run. A source is no input of its rule,
because hashing terabytes would read them once more; instead, `sources.csv` beside the imported
files has the SHA-256 of what was read.
"""
