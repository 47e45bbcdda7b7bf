"""The results as a static page: tables, figures, the graph of jobs, the dataset, the audit."""
