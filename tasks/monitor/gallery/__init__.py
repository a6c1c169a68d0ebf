"""What the gallery shows: which pictures of a collection, in which order, and all that is known of one."""
