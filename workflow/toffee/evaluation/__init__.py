"""The evaluation: images to draw, their scores, and the statistics over them."""
