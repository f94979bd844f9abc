"""The simulated Depot against what Depot publishes itself: its CLI, and the protocol's clients."""
