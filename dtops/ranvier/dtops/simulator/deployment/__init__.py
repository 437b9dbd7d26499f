"""Where sites stand and where users may be: grids, streets, a line, a hall, a yard, free sites, the live graph."""
