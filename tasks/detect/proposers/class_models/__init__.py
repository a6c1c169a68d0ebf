"""What gives a whole picture's classes their chances, one file for each kind of model."""
