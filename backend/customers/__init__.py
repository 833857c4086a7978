"""Customers: recognised by what their channel calls them, shown masked, with what colleagues noted."""
