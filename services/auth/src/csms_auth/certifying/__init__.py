"""From a station's CSR to its new certificate: recording, signing, delivering, renewing."""
