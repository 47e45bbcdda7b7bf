"""Everything that knows Snakemake: its targets, profiles, jobs, plans and metadata."""
