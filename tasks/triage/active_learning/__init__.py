"""What to ask first."""
