"""The command `toffee app`: a page on this machine to draw and edit with a trained model."""
