"""What a person types, as values: few choices as enums, names of classes, a line in a file."""
