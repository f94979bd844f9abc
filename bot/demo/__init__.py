"""What the demo plays on: a simulated GitHub, a simulated Depot, and a conversation."""
