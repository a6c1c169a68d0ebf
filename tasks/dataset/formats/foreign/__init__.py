"""Formats that are read only: others write them."""
