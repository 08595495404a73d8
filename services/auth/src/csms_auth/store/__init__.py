"""What auth keeps: tables and the statements on them. No service but auth reads them."""
