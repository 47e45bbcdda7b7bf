"""The paper: matching, Refiner, View Generator, ToffeeNet, and DreamBooth, its baseline."""
