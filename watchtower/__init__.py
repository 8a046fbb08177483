"""A sidecar that runs beside any model endpoint: it forwards, mirrors to shadow models and keeps both answers."""

__version__ = "0.1.0"
