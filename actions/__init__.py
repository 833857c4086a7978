"""The action server: thin calls to the backend, decided by pure rules in slots.py."""
