"""Controls of distributed energy resources (DER): what stations hold and what is active."""
