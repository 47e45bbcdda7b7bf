"""Metrics, statistics, scores and tables of the evaluation."""
