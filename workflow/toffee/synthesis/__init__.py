"""Synthesis of the dataset: plan, stages, scores, filter."""
