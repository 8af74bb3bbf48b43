"""Evidence of where a contender's time goes, each kind gathered in a pass of its own."""
