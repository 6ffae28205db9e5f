"""What the launcher is made of. Standard library only: the contestants run in processes of their own."""
