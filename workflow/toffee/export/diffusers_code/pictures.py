"""Stands for `toffee/data/pictures.py`, which the exported folder has a copy of under this name."""

from toffee.data.pictures import FORMATS, decoded, mask_of, read_file, rgb, set_values, upright

__all__ = ["FORMATS", "decoded", "mask_of", "read_file", "rgb", "set_values", "upright"]
