"""A SCPI instrument without a front: messages taken apart, settings, status, error queue."""
