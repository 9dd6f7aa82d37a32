"""One pymeasure Procedure per file, named after what it measures; base.py holds what they share."""
