"""Scores of drawn images: one module per set of images."""
