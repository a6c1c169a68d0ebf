"""Flows between a collection and datasets of other programs."""
