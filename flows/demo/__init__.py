"""A believable coffee brand to try the software with; nobody in it is a real person."""
