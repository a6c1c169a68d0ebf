"""What several people said about one question becomes one answer."""
