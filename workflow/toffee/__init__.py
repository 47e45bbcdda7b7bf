"""Toffee: subject-driven text-to-image generation without per-subject tuning (arXiv 2406.09305)."""

__version__ = "0.1.0"
