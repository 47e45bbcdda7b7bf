"""Figures: grids of pictures and charts, one file per figure."""
