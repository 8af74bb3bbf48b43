"""Use a choice: how sizes are read off a call, what a table rests on, and the dispatcher."""
