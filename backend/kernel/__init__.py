"""Pure building blocks of the whole backend: standard library only, no I/O, values in and values out."""
