"""Near-duplicates: items that differ in their bytes and hardly in what they show."""
