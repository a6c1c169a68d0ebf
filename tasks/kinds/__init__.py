"""What labels are: the kinds of label, and the geometry that all share."""
