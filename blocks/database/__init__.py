"""The catalogue: its engine and its tables."""
