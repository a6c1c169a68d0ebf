"""Lift."""
