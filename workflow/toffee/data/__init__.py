"""Photographs: loaders of the layouts on disk, importers of real sources, the procedural world."""
