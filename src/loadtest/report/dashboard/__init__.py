"""One self-contained page that reads the results of any run."""
