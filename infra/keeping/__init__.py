"""Backups of all that a stack knows, and the way back."""
