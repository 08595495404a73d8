"""Rules about requests of the CSMS that JSON schemas cannot express, where more than one service sends them."""
