"""Everything that speaks to a Temporal server: connection, encryption, search attributes, gateways."""
