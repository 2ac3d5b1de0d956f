"""Does the network use what its heat-map marks? Images changed where the heat is, and what the network says then."""
