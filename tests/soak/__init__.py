"""Long rehearsals: many cases, random moves, processes killed in the middle, clocks that leap."""
