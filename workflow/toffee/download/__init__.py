"""Downloads: base models from a hub or the zoo, DreamBench from git, checked by digest."""
