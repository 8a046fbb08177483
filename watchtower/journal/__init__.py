"""The journal: the one thing that the data plane and the analysis plane share."""
