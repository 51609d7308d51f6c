"""The folder of GGUF files: filled from a hub that speaks the Hugging Face protocol, checked, listed.

A file appears under its name whole and verified or not at all: bytes go to a ``.part`` file that the next
attempt resumes (huggingface-hub's own download starts anew in another process, so only its transfer is
used), are hashed, and are renamed. A lock file keeps several pods on one volume from fetching the same file
twice, and ``models.lock.json`` records what was put in place.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from chatbot.adapters.download_status import DownloadWatch, StatusFile, renewing
from chatbot.adapters.hub import RemoteFile, fetch, inspect
from chatbot.domain.model_files import CatalogueEntry, LockedFile, ModelStoreError
from chatbot.domain.vram import MIB

LOCK_FILE = "models.lock.json"
_WORK = ".incoming"
_LOCKED = TypeAdapter(dict[str, LockedFile])

Tell = Callable[[str], None]


class ModelStore:
    """One folder of model files."""

    def __init__(
        self, folder: Path, tell: Tell, *, endpoint: str | None = None, token: str | None = None
    ) -> None:
        """``tell`` gets progress line by line; ``endpoint`` and ``token`` default to huggingface-hub's."""
        self._folder = folder
        self._tell = tell
        self._endpoint = endpoint
        self._token = token

    def locked(self) -> Mapping[str, LockedFile]:
        """What is recorded as put in place, by file name.

        Raises:
            ModelStoreError: the lock file cannot be read.
        """
        path = self._folder / LOCK_FILE
        try:
            return _LOCKED.validate_json(path.read_bytes())
        except FileNotFoundError:
            return {}
        except (ValidationError, OSError) as error:
            raise ModelStoreError(f"{path} cannot be read: repair or delete it") from error

    def download_all(self, models: Sequence[CatalogueEntry], run: str = "", tries: int = 1) -> None:
        """Fetch what is not there yet, one file after the other.

        Who waits for one of them reads how it stands: ``run`` tells the download from others, ``tries`` is
        how often it will be begun at most.

        Raises:
            ModelStoreError: one of them could not be had; the files after it were not begun.
        """
        left = {model.file: StatusFile(self._folder / _WORK, model.file) for model in models}
        try:
            self._begin(left.values(), run, tries)
            with renewing(left):
                for model in models:
                    self.download(model)
                    left.pop(model.file).clear()
        except ModelStoreError as error:
            for status in left.values():
                status.fail(run, str(error))
            raise

    def _begin(self, statuses: Iterable[StatusFile], run: str, tries: int) -> None:
        try:
            (self._folder / _WORK).mkdir(parents=True, exist_ok=True)
            for status in statuses:
                status.begin(run, tries)
        except OSError as error:
            raise ModelStoreError(f"{self._folder} cannot be written: {error.strerror or error}") from error

    def download(self, model: CatalogueEntry) -> Path:
        """The file in the folder, fetched when it is not there yet.

        Raises:
            ModelStoreError: the hub refuses, the disk is full, or the hash differs.
        """
        path = self._folder / model.file
        work = self._folder / _WORK
        try:
            work.mkdir(parents=True, exist_ok=True)
            with self._exclusively(work / f"{model.file}.lock"):
                if path.exists():
                    self._accept(path, model)
                else:
                    self._fetch(model, path, work)
        except OSError as error:
            raise ModelStoreError(
                f"{path} cannot be written: {error.strerror or error} ({type(error).__name__})"
            ) from error
        return path

    def verify(self, names: Mapping[str, str] | None = None) -> list[str]:
        """Hash the recorded files anew, or those in ``names`` (file name to expected hash); the faults."""
        locked = self.locked()
        expected = names if names is not None else dict.fromkeys(locked, "")
        faults = []
        for name, sha256 in expected.items():
            wanted = sha256 or (locked[name].sha256 if name in locked else "")
            path = self._folder / name
            if not path.is_file():
                faults.append(f"{name} is missing from {self._folder}")
            elif not wanted:
                faults.append(f"{name} has no recorded hash: run `chatbot models download`, which records it")
            elif (found := self._digest(path)) != wanted:
                faults.append(
                    f"{name} is damaged: sha256 {found}, recorded {wanted}; delete it and download again"
                )
            else:
                self._tell(f"{name}: sha256 {found}, as recorded")
        return faults

    def wait(self, name: str, seconds: float) -> Path:
        """Return the file's path once it is there; what is known of its download is told every few seconds.

        Raises:
            ModelStoreError: it did not come in time, or its download has given up.
        """
        path = self._folder / name
        download = StatusFile(self._folder / _WORK, name)
        watch = DownloadWatch(download)
        end, told = time.monotonic() + seconds, float("-inf")
        while not path.is_file():
            now = time.monotonic()
            if reason := watch.in_vain():
                raise ModelStoreError(
                    f"{path} does not come: {reason}; mend that, delete the download's Job and upgrade "
                    "the release"
                )
            if now - told >= 10:
                here = sum(part.stat().st_size for part in (self._folder / _WORK).glob(f"{name}.*.part"))
                known = download.tell() or f"{here // MIB} MiB downloaded so far"
                self._tell(f"waiting for {path}: {known}")
                told = now
            if now >= end:
                raise ModelStoreError(
                    f"{path} did not appear in {seconds:.0f} s: see the log of its download, or put it there"
                )
            time.sleep(1)
        return path

    @contextmanager
    def _exclusively(self, lock: Path) -> Iterator[None]:
        held = FileLock(lock)
        try:
            held.acquire(timeout=0)
        except Timeout:
            self._tell(f"{lock.stem}: another download holds the lock; waiting for it")
            held.acquire()
        try:
            yield
        finally:
            held.release()

    def _accept(self, path: Path, model: CatalogueEntry) -> None:
        """A file that is there stays, when it is what the catalogue says."""
        recorded = self.locked().get(path.name)
        size = path.stat().st_size
        if recorded is not None and recorded.size == size and model.sha256 in ("", recorded.sha256):
            self._tell(f"{path.name}: there already ({size // MIB} MiB)")
            return
        found = self._digest(path)
        if model.sha256 not in ("", found):
            raise ModelStoreError(
                f"{path} is not the file of the catalogue: sha256 {found}, expected {model.sha256}; "
                "delete it to download it again, or correct the catalogue"
            )
        self._record(path.name, LockedFile(sha256=found, size=size))
        self._tell(f"{path.name}: found in place and recorded ({size // MIB} MiB)")

    def _fetch(self, model: CatalogueEntry, path: Path, work: Path) -> None:
        remote = inspect(model, self._endpoint, self._token)
        wanted = model.sha256 or remote.sha256
        part = work / f"{model.file}.{remote.etag[:16]}.part"
        for stale in work.glob(f"{model.file}.*.part"):
            if stale != part:
                stale.unlink()
        self._require_space(part, remote)
        fetch(remote, part, self._token, self._tell)
        found = self._digest(part)
        if wanted and found != wanted:
            part.unlink()
            raise ModelStoreError(
                f"{model.file} from {model.repository} has sha256 {found}, expected {wanted}: "
                "it was not kept; check repository, revision and hash in the catalogue"
            )
        part.replace(path)
        _sync(path.parent)
        self._record(
            path.name,
            LockedFile(repository=model.repository, revision=remote.commit, sha256=found, size=remote.size),
        )
        self._tell(f"{path.name}: in place, sha256 {found}, revision {remote.commit}")

    def _require_space(self, part: Path, remote: RemoteFile) -> None:
        have = part.stat().st_size if part.exists() else 0
        free = shutil.disk_usage(part.parent).free
        if remote.size - have > free:
            raise ModelStoreError(
                f"{remote.name} needs {(remote.size - have) // MIB} MiB more, {free // MIB} MiB are free "
                f"in {self._folder}: enlarge the volume"
            )

    def _digest(self, path: Path) -> str:
        self._tell(f"{path.name}: computing sha256")
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()

    def _record(self, name: str, entry: LockedFile) -> None:
        with FileLock(self._folder / _WORK / f"{LOCK_FILE}.lock"):
            entries = {**self.locked(), name: entry}
            fresh = self._folder / _WORK / LOCK_FILE
            fresh.write_bytes(_LOCKED.dump_json(dict(sorted(entries.items())), indent=2))
            fresh.replace(self._folder / LOCK_FILE)


def _sync(folder: Path) -> None:
    """Make a rename in ``folder`` survive a crash of the node."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
