"""Loaders: the same layouts on disk for the procedural world and for real photographs."""
