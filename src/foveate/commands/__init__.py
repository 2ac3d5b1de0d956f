"""What the verbs of the command line do, a file for each family of them."""
