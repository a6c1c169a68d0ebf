"""Outlines and masks as formats have them, where a file of its own says how."""
