"""CALLs to stations: checked, recorded, sent once, and what became of them."""
