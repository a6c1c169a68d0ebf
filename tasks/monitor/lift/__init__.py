"""What suggestions are worth: people's seconds and errors with them and without, and which classes go quiet."""
