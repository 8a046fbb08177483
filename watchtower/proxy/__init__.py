"""The data plane: takes requests, forwards them, and tells what became of each."""
