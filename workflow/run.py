"""Calls the function that a rule names in its param `function`. The `script:` of every rule."""

from toffee.launch.job import run_job

if __name__ == "__main__":
    run_job(snakemake)
