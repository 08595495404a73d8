"""How a station connects and by which password: changes of both (A01, A05, B09)."""
