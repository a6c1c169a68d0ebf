"""Drawn parking lots: vehicles, weather, the camera, and the truth about them."""
