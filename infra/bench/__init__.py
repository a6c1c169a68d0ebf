"""Benches: what the numbers in the README and in closing notes were measured with."""
