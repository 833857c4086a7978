"""Deadlines: how long by which source, on which calendar, and who noticed when it ran out."""
