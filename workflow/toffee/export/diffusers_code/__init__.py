"""Files that an exported pipeline carries with it.

Its users have diffusers, transformers and torch, but not this package: nothing here imports it.
"""
