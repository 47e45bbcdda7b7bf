"""What leaves the project: the dataset as a repository of the hub, ToffeeNet as a pipeline."""
