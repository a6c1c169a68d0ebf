"""One class for a whole item, where there are very many to choose from, or one is missing."""
