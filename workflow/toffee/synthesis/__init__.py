"""The dataset's synthesis: plan, stages, scores, filter, export."""

KINDS = ("generation", "background", "colour", "texture", "style")
"""Kinds of pairs: subject-driven generation, and the four kinds of edits."""
