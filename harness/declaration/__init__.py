"""Parts of declarations: fields, signatures, predicates, origins, suggested names."""
