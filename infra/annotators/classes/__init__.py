"""Simulated people at questions about the class of a whole item."""
