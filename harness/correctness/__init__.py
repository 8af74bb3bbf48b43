"""Whether a contender is right: oracle, tolerance, checks, caveats."""
