"""What a batch says of its annotators, and which of their answers do not count."""
