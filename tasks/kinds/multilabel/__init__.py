"""Any number of classes for the whole of an item."""
