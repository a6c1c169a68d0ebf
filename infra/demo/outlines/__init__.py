"""`make demo-outlines`: drawn dishes of cells and rods, outlined or painted through the real Label Studio."""
