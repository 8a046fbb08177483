"""The client's side of HTTP: connections to a model server and the pool that keeps them."""
