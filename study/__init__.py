"""The chain around the model: environment, executed notebooks, exported figures, lock and benchmarks."""
