"""How the tiny scale's base models were made: one module a model, all trained on the world."""
