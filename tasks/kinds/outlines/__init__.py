"""Outlines and pixels of objects, which polygons and masks share: drawn, traced, simplified and compared."""
