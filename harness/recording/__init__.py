"""Which registered ops a program calls, with which shapes, how often and for how long."""
