"""How good the answers are: measured where labels have come, estimated where they have not."""
