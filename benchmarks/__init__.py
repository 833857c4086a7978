"""What ``make bench`` runs: our own figures beside a peer's, taken in one run on one machine."""
