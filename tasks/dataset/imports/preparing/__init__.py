"""What happens before anything is taken in: labels are read, checked, and matched with pictures that are there."""
