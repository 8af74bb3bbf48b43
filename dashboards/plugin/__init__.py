"""The TensorBoard plugin: run folders below the log directory, as pages that people explore."""
