"""What all readers of label files share."""
