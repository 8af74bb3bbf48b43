"""Who is best on a case, by how much, and who ties; shares of the ceilings."""
