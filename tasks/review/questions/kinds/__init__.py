"""What people can be asked, one file for each kind of question; `registry.py` alone lists them."""
