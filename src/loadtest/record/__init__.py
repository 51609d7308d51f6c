"""What a run leaves: part files that no kill can spoil, and results.csv made of them."""
