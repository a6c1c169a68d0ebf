"""The station that keeps: every object of the store against the catalogue, and back."""
