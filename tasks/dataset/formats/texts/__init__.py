"""Formats of texts with spans: the texts stand in the label files themselves."""
