"""What auth decides, as plain functions of plain values: no I/O, no clock, no protobuf."""
