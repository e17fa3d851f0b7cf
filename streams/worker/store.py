"""What a partition keeps at hand: bytes by key, and how much of the changelog is in it.

A store is a cache of its changelog. It is written in whole transactions, after their commit, or in runs of the
changelog while it is recovered; so together with the mark that is written with it, it can always go on.
"""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec
from rocksdict import BlockBasedOptions, Cache, DBCompressionType, Options, Rdict, WriteBatch, WriteBufferManager

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_MARK = b"\x00changelog"  # no key of a core's, nor the position's
_STALE_AFTER_S = 12 * 3600  # the changelog keeps its deletions for 24 hours (Kafka's delete.retention.ms)
_WRITE_BUFFER = 16 << 20
_CORRUPT = ("Corruption", "Invalid argument")  # RocksDB tells what went wrong by the first words of its message alone


class StoreError(Exception):
    """The store could not be read or written; what it holds is still what it held."""


class StoreCorruptError(StoreError):
    """The store is not to be trusted any more: wipe it and recover it from the changelog."""


class Mark(NamedTuple):
    """How much of which changelog is in a store.

    Attributes:
        topic: the changelog's id, which is another one once the topic is made anew; empty where unknown.
        offset: everything before it is in the store.
    """

    topic: str
    offset: int


class Store(Protocol):
    """Bytes by key."""

    @property
    def mark(self) -> Mark | None:
        """How much of the changelog is in it; None where it must be filled from the beginning."""

    def read(self, keys: list[bytes]) -> list[bytes | None]:
        """The values of some keys, None where there is none."""

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All keys and values, in no order."""

    def write(self, writes: Mapping[bytes, bytes | None], mark: Mark) -> None:
        """Write some values, None deletes, and the mark, all or nothing."""

    def wipe(self) -> None:
        """Empty it."""

    def close(self) -> None:
        """Let go of it."""


class MemoryStore:
    """A store that is gone with its process."""

    def __init__(self) -> None:
        self.mark: Mark | None = None
        self._values: dict[bytes, bytes] = {}

    def read(self, keys: list[bytes]) -> list[bytes | None]:
        """See ``Store``."""
        return list(map(self._values.get, keys))

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """See ``Store``."""
        yield from self._values.items()

    def write(self, writes: Mapping[bytes, bytes | None], mark: Mark) -> None:
        """See ``Store``."""
        values = self._values
        for key, value in writes.items():
            if value is None:
                values.pop(key, None)
            else:
                values[key] = value
        self.mark = mark

    def wipe(self) -> None:
        """See ``Store``."""
        self._values.clear()
        self.mark = None

    def close(self) -> None:
        """See ``Store``."""
        self.wipe()


class StoreMemory:
    """What all stores of a process may use of its memory, in bytes: half for blocks read, half for what is written."""

    def __init__(self, size: int) -> None:
        self.blocks = Cache(size)
        self.writes = WriteBufferManager.new_write_buffer_manager_with_cache(size // 2, False, self.blocks)


class RocksStore:
    """A store on disk, that a process finds again.

    A store that was left alone for so long that the changelog may have forgotten its deletions is emptied: it would
    keep what has been deleted since.

    Args:
        folder: its own.
        memory: what all stores of a process may use.

    Raises:
        StoreError: it cannot be opened: another process has it, or the disk is full.
    """

    def __init__(self, folder: Path, memory: StoreMemory) -> None:
        self._folder = folder
        self._memory = memory
        self._mark: Mark | None = None
        self._db: Rdict
        self._open()
        if self._seen_at() < time.time() - _STALE_AFTER_S:
            self.wipe()

    @property
    def mark(self) -> Mark | None:
        """See ``Store``."""
        return self._mark

    def read(self, keys: list[bytes]) -> list[bytes | None]:
        """See ``Store``."""
        try:
            values: list[bytes | None] = self._db.get(keys) if keys else []  # type: ignore[arg-type,assignment]  # it is annotated for a list of anything
        except Exception as error:
            raise _in_words(error) from error
        return values

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """See ``Store``."""
        try:
            yield from ((key, value) for key, value in self._db.items() if key != _MARK)  # type: ignore[misc]  # raw mode: all are bytes
        except Exception as error:
            raise _in_words(error) from error

    def write(self, writes: Mapping[bytes, bytes | None], mark: Mark) -> None:
        """See ``Store``."""
        batch = WriteBatch(raw_mode=True)
        put = batch.put
        for key, value in writes.items():
            if value is None:
                batch.delete(key)
            else:
                put(key, value)
        put(_MARK, _packed(mark))
        try:
            self._db.write(batch)
        except Exception as error:
            raise _in_words(error) from error
        self._mark = mark

    def wipe(self) -> None:
        """See ``Store``."""
        self.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._open()

    def close(self) -> None:
        """See ``Store``."""
        with suppress(Exception):  # it may be what could not be opened
            if self._mark is not None:
                self._db[_MARK] = _packed(self._mark)  # it has been up to date until now
            self._db.close()

    def _open(self) -> None:
        self._mark = None
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            self._db = Rdict(str(self._folder), _options(self._memory))
            self._mark, _ = _unpacked(self._db.get(_MARK))
        except Exception as error:
            problem = _in_words(error)
            if not isinstance(problem, StoreCorruptError):
                raise problem from error
            with suppress(Exception):
                self._db.close()
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(parents=True, exist_ok=True)
            self._db = Rdict(str(self._folder), _options(self._memory))

    def _seen_at(self) -> float:
        return _unpacked(self._db.get(_MARK))[1]


def _packed(mark: Mark) -> bytes:
    return msgspec.msgpack.encode((mark.topic, mark.offset, time.time()))


def _unpacked(value: object) -> tuple[Mark | None, float]:
    """The mark, and when it was true last."""
    if not isinstance(value, bytes):
        return None, time.time()
    topic, offset, seen_at = msgspec.msgpack.decode(value, type=tuple[str, int, float])
    return Mark(topic, offset), seen_at


def _options(memory: StoreMemory) -> Options:
    """For values that are read by key in bulk and rewritten often."""
    table = BlockBasedOptions()
    table.set_block_cache(memory.blocks)
    table.set_cache_index_and_filter_blocks(True)
    table.set_pin_l0_filter_and_index_blocks_in_cache(True)
    table.set_bloom_filter(10, block_based=False)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(table)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_write_buffer_size(_WRITE_BUFFER)
    options.set_write_buffer_manager(memory.writes)
    return options


def _in_words(error: Exception) -> StoreError:
    text = str(error)
    gone = "No such file or directory" in text
    corrupt = gone or isinstance(error, msgspec.MsgspecError) or text.startswith(_CORRUPT)
    return StoreCorruptError(text) if corrupt else StoreError(text)
