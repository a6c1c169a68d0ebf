"""Large images in tiles: cut, read ahead, looked at, and joined across seams."""
