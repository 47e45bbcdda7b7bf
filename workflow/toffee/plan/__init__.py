"""What a run will take, before anything runs: jobs, hours, bytes to download and to store.

`dag` asks Snakemake for the jobs, `architectures` builds the models without weights, `costs` counts
what they compute, `work` and `storage` say what each rule does with them, `report` adds it all up
and `table` prints it.
"""
