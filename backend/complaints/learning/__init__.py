"""What complaints teach: root causes, where they cluster, whether that changes, and what is done about it."""
