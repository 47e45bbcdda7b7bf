"""Where every output came from: code digests now, job records later."""
