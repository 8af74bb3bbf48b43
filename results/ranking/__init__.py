"""The verdicts of a race, leaderboards, and shares of the ceilings."""
