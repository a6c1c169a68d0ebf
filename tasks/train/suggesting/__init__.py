"""What suggestions are made with: whose vectors, and whether the unlabelled rest teaches as well."""
