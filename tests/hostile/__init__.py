"""Files that a stranger might send to run code, to hang, or to eat memory; and what looks on while they are opened."""
