"""What declarations consist of: fields, signatures, where they come from, names that are meant."""
