"""Why one contender is slower than another: evidence in, causes with their shares out."""
