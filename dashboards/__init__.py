"""TensorBoard: publish a run and serve it. No torch."""
