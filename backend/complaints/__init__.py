"""Complaints: received with a number, moved by a table, told in time, provable afterwards."""
