"""What the bot's claims of speed stand on: `make bench`."""
