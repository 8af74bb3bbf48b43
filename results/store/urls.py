"""Addresses of stores, and of runs in them.

A store is a folder in anything that fsspec knows: `file:///mnt/bench`, `s3://bucket/bench`,
`gs://bucket/bench`, `memory://bench`. A run of it is `<store>/runs/<name>`, and that of one
environment, where several took part, `<store>/runs/<name>#<the key's first characters>`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from opbench.results.errors import RunFolderError
from opbench.results.records.output_paths import ensure_run_name

#: What has to be installed for a kind of store, where opbench's own extra has it.
_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs"}
#: Kinds of stores that know no folders.
_OF_OBJECTS = frozenset({*_EXTRAS, "abfs", "abfss", "adl", "az", "oci", "oss", "r2"})
#: The folder of a store that holds its runs.
_RUNS = "runs"


@dataclass(frozen=True, slots=True)
class RunAddress:
    """A run of a store."""

    #: Of the store.
    store: str
    #: Of the run.
    name: str
    #: How the key of its environment begins; "" for the only one.
    key: str = ""

    def __str__(self) -> str:
        return f"{self.store}/{_RUNS}/{self.name}" + (f"#{self.key}" if self.key else "")


def is_url(text: str) -> bool:
    """Whether this is meant for a URL rather than for a path."""
    return "://" in text


def has_folders(url: str) -> bool:
    """Whether folders have to be made there; in what has none that would make buckets."""
    return url.partition("://")[0] not in _OF_OBJECTS


def parse(url: str) -> RunAddress:
    """The run that a URL names. Raises RunFolderError where it names none."""
    place, _, key = url.partition("#")
    store, _, name = place.rstrip("/").rpartition(f"/{_RUNS}/")
    if not store or not name:
        raise RunFolderError(
            f"{url} names no run of a store: it has the form <store>/{_RUNS}/<name>, "
            f"s3://bucket/bench/{_RUNS}/nightly for instance"
        )
    ensure_run_name(name)
    return RunAddress(store, name, key)


def filesystem(url: str) -> tuple[Any, str]:
    """The file system of a store, as fsspec gives it, and the store's path in it.

    Raises RunFolderError where the URL can't be used, or what its kind needs isn't installed.
    """
    from fsspec.core import url_to_fs

    scheme = url.partition("://")[0] if is_url(url) else ""
    form = "give a URL as file:///mnt/bench, s3://bucket/bench or gs://bucket/bench"
    if not scheme:
        raise RunFolderError(f"{url!r} is no store: {form}")
    try:
        # Listings are always of now: others write into the store.
        system, path = url_to_fs(url.rstrip("/"), use_listings_cache=False)
    except ImportError as error:
        extra = _EXTRAS.get(scheme)
        advice = f"pip install 'opbench[{extra}]'" if extra else str(error)
        raise RunFolderError(f"{url} needs what isn't installed: {advice}") from error
    except (ValueError, OSError) as error:
        raise RunFolderError(f"{url!r} is no store: {error}; {form}") from error
    return system, path
