"""The store: one lab database, opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from sqlalchemy import Engine

from labbench.features import Feature
from labbench.model.card import ModelCard
from labbench.store import provenance, schema, write
from labbench.store.archive import open_read_only, why_read_only
from labbench.store.engine import checkpoint, file_path, is_file, open_engine, remove_file, writing
from labbench.store.migrate import require_newest
from labbench.store.place import warn_if_remote
from labbench.store.postgres import server_url
from labbench.store.sweepbook import SweepBook


class Store(SweepBook):
    """A lab database: what `Reader` finds, what `Recorder` records, what `Notebook` is
    told, what `SweepBook` plans, and results.

    Every method that writes does so in one transaction: what it returned from is kept, even if
    the process is killed, and of what raised there is nothing. Several processes may read while
    one writes.
    """

    @classmethod
    def open(cls, path_or_url: str | Path, create: bool = False, durable: bool = True) -> Store:
        """Open a lab database.

        Parameters
        ----------
        path_or_url : str or Path
            A file, or ``sqlite:///FILE``, or ``postgresql://USER@HOST:PORT/DATABASE``.
        create : bool, optional
            Whether a file that is not there is made, or the tables of an empty database on a
            server.
        durable : bool, optional
            Whether every commit waits for the disk. Without, a power loss (not a killed process)
            may cost the last commits: good enough for simulations.

        An archived database, and one that cannot be written where it lies, is opened all the
        same; every method that writes then raises a StoreError that says why.

        Raises
        ------
        StoreError
            If there is no usable database; nothing is left behind or changed then.
        NewerSchemaError
            If it was written by a newer labbench.

        Warns
        -----
        StoreWarning
            If it lies on a network file system.
        """
        engine, made = _open_engine(path_or_url, create, durable)
        try:
            require_newest(engine, create)
        except BaseException:
            engine.dispose()
            if made is not None:
                remove_file(made)
            raise
        store = cls(engine)
        if is_file(engine):
            warn_if_remote(store.path)
        return store

    def checkpoint(self) -> bool:
        """Tidy up between runs: move the log of commits into the database, waiting for nobody.

        A commit that finds a long log does this by itself, when it may be in the way of a run.

        Returns
        -------
        bool
            Whether all was moved; the rest is safe in the log, and moved the next time.
        """
        return checkpoint(self.engine)

    def close(self) -> None:
        """Close the database; the last one to close it tidies up the files beside it."""
        self.engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def save_features(
        self, run_id: int, property: str, features: Sequence[Feature], algorithm: str, version: str
    ) -> None:
        """Save the features of a property, in place of earlier ones by the same algorithm.

        Parameters
        ----------
        run_id : int
        property : str
            Such as "refractory_period".
        features : sequence of Feature
            Each with a label of its own; NaN is kept.
        algorithm, version : str
            What drew them from the responses.
        """
        with writing(self.engine) as connection:
            write.save_features(connection, run_id, property, features, algorithm, version)

    def save_card(self, card: ModelCard) -> int:
        """Save a model card and return its id; the same card is kept only once."""
        with writing(self.engine) as connection:
            return write.save_card(connection, card)

    def save_fit(
        self,
        card_id: int,
        run_ids: Sequence[int],
        status: str,
        document: Mapping[str, object],
        dataset_sha256: str,
    ) -> int:
        """Save the result of a fit and return its id.

        Parameters
        ----------
        card_id : int
            The card that the fit made.
        run_ids : sequence of int
            The runs that went in, at least one.
        status : str
            How it ended, such as "converged".
        document : mapping
            The whole result, JSON-ready.
        dataset_sha256 : str
            From `dataset_sha256`, when the data were read.
        """
        programme = provenance.version_and_commit()
        with writing(self.engine) as connection:
            return write.save_fit(
                connection, card_id, run_ids, status, document, dataset_sha256, programme
            )

    def save_comparison(self, device_id: int, card_id: int, document: Mapping[str, object]) -> int:
        """Save a scorecard of a device beside a card and return its id."""
        with writing(self.engine) as connection:
            return write.add_row(
                connection,
                schema.comparison,
                device_id=int(device_id),
                model_card_id=int(card_id),
                document=document,
                created_at=write.now(),
            )


def _open_engine(
    path_or_url: str | Path, create: bool, durable: bool
) -> tuple[Engine, Path | None]:
    """Return an engine, for reading only where nothing can be written, and the file it made."""
    if server_url(path_or_url) is None and (path := file_path(path_or_url)).is_file():
        reason = why_read_only(path)
        if reason is not None:
            return open_read_only(path, reason), None
    return open_engine(path_or_url, create, durable)
