"""Files that are written batch by batch and read row by row."""
