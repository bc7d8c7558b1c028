"""Why a batch is not dialling, decided from facts."""
