"""Outlines and pixels of objects as people see and leave them in Label Studio."""
