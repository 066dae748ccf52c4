"""memory keeps: values, the ledger, the buffer, the adapters. No machine learning here."""
