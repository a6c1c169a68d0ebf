"""The lines: one flow per file, composition only."""
