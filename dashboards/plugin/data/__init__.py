"""What the plugin answers: a module for each kind of data, with a function `answer`."""
