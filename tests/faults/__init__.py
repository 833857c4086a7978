"""Real processes, cut sockets, kill -9: no message is lost, doubled or out of order, and nobody is talked over."""
