"""From a selection to cases and the contenders that meet on them. No torch."""
