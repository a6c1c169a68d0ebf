"""Objects with their pixels, as a network that segments sees them in tiles, joined where tiles have cut them."""
