"""Networks that were not trained here: their formats, their rows, their class names."""
