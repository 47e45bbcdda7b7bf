"""Images that the evaluation scores: one module per set of images."""
