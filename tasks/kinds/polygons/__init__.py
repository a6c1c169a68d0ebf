"""Polygons around objects as a kind of label."""
