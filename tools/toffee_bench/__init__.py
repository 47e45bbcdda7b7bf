"""How fast the pipeline is, against the obvious ways to do the same: `python -m toffee_bench`."""
