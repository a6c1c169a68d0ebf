"""From four clicks on an object's extremes to its outline."""
