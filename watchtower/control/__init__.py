"""The control plane: the supervisor of the workers and the admin API."""
