"""Files that are written batch by batch, and read without loading them whole."""
