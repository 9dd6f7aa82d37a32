"""What a procedure needs of instruments (roles.py) and one driver per file."""
