"""The exception tree: what can go wrong by misuse, or because a link or a file is broken.

::

    LabbenchError
    ├── StimulusError          a stimulus that cannot be played
    │   └── LimitError         a stimulus beyond the bench's absolute limits
    │       └── BudgetError    a stimulus beyond what a run or a device may still take
    ├── TraceError             channels that do not fit together
    ├── CardError              an impossible or unreadable model card
    ├── SettingError           an unknown or out-of-range setting of a procedure
    ├── FeatureError           responses that a feature cannot be drawn from
    ├── BenchError             a bench description that cannot be used
    ├── PlanError              a sweep plan that cannot be used
    ├── InstrumentError        an instrument that reports an error
    │   ├── LinkError          no link, no reply, or a reply that makes no sense
    │   ├── ReadbackError      a read-back that differs from what was set
    │   └── ShortError         a device that draws all that the supply may give, at rest
    ├── StoreError             a database that cannot be used
    │   ├── NotFoundError      nothing stored under that name
    │   ├── NewerSchemaError   a database written by a newer labbench
    │   └── StoreFullError     no space is left for a record
    ├── ImportFileError        a recording that cannot be read as a whole
    ├── FitError               data that a fit cannot start from
    └── OutputError            a place that results cannot be written to

Outcomes of physics and numerics (did not fire, latched, compliance reached, not converged,
not identifiable) are recorded values, never exceptions. A message says what was asked, what was
found (with its unit), and what to do.

`StoreWarning` is what a store can go on with, and somebody should know.
"""


class LabbenchError(Exception):
    """Base of every error that labbench raises on purpose."""


class StimulusError(LabbenchError):
    """A stimulus that cannot be played."""


class LimitError(StimulusError):
    """A stimulus beyond the bench's absolute limits."""


class BudgetError(LimitError):
    """A stimulus beyond what a run, or a device in all its life, may still take."""


class TraceError(LabbenchError):
    """Channels that do not fit together, or a time axis that is not there."""


class CardError(LabbenchError):
    """An impossible or unreadable model card."""


class SettingError(LabbenchError):
    """An unknown or out-of-range setting of a procedure."""


class FeatureError(LabbenchError):
    """Responses that a feature cannot be drawn from."""


class BenchError(LabbenchError):
    """A bench description that cannot be used."""


class PlanError(LabbenchError):
    """A sweep plan that cannot be used."""


class InstrumentError(LabbenchError):
    """An instrument that reports an error."""


class LinkError(InstrumentError):
    """No link, no reply, or a reply that makes no sense."""


class ReadbackError(InstrumentError):
    """A read-back that differs from what was set."""


class ShortError(InstrumentError):
    """A device that draws all that the supply may give, at rest."""


class StoreError(LabbenchError):
    """A database that cannot be used."""


class NotFoundError(StoreError):
    """Nothing stored under that name."""


class NewerSchemaError(StoreError):
    """A database written by a newer labbench."""


class StoreFullError(StoreError):
    """No space is left for a record; nothing of it was stored, and all before it is safe."""


class StoreWarning(UserWarning):
    """A database that works, in a way that may hurt later."""


class ImportFileError(LabbenchError):
    """A recording that cannot be read as a whole."""


class FitError(LabbenchError):
    """Data that a fit cannot start from."""


class OutputError(LabbenchError):
    """A place that results cannot be written to."""
