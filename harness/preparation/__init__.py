"""From a declared contender and a case to a call: inputs, resolving, output modes."""
