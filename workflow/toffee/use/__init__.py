"""What a person does with a trained model: `toffee draw` and `toffee edit`."""
