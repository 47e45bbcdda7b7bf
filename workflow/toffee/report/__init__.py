"""Figures of the report and what the demo prints."""
