"""Why a batch is not dialling, over HTTP."""
