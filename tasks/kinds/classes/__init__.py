"""One class for the whole of an item."""
