"""Objects and images that are unlike the others of their batch."""
