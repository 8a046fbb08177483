"""The mirror: sends kept requests to shadow models, within budgets that cannot hurt the client."""
