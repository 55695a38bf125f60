"""One module for each family of leaf: how its records become a truth, a reason and evidence."""
