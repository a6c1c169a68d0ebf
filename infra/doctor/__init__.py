"""The doctor: what is wrong with this machine or its stack, and what to do about it."""
