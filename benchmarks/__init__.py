"""Measured beside peers: run with `make bench`."""
