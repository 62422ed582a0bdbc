"""The till's pages, one file for each thing that is done there."""
