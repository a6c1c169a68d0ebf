"""What trains and measures models, one file for each kind of network."""
