"""A run on many machines: which case goes where, and what becomes of it when they are lost."""
