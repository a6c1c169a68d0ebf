"""What makes proposals, one file for each way: objects in tiles, or one class for the whole of an item."""
