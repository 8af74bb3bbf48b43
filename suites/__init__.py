"""Races: ops with their contracts, oracles, inputs and shapes, one file per family."""
