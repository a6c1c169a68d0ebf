"""What all writers of datasets share."""
