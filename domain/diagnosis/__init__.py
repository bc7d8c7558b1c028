"""Why a batch is not dialling, told from facts."""
