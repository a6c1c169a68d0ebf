"""The fault harness: a short run of it, and proof that it would notice."""
