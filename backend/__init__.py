"""The backend of 知客: channels, rooms, pages and the promises made to customers."""
