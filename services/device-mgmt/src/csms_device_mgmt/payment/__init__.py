"""What payment terminals at stations tell, and what they are told (OCPP 2.1, C20 to C22)."""
