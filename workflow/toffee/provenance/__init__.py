"""Where every output came from: digests of code and files, and a record of every job."""
