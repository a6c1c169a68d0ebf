"""Station `track`: labels of key frames are followed through the frames between them."""
