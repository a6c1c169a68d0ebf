"""Embedders: what makes a vector of an item."""
