//! A graph of matrix equations as one straight-line program over one arena.
