"""Features: named numbers drawn from traces, one file a property.

Every function here reads measured and simulated responses alike.
"""

from labbench.features.feature import Feature, Outcome, Response

__all__ = ["Feature", "Outcome", "Response"]
