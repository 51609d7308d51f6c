"""Tries forms in a process of their own, one after another, and remembers what came of them.

A form is a stranger's text, and a short one may take forever to compile: it is tried in a process that is
ended then, before it comes near the engine. Forms that are known wait for no trial, usable or not.
No caller takes the places, or the memory, of the others.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter, OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import NamedTuple

from chatbot.domain.errors import Draining, ModelFailed, Overloaded, Unavailable, UnusableForm
from chatbot.domain.forms import Form, FormKind
from chatbot.llm.llama.constraint import FormMasks

_COMMAND = (sys.executable, "-P", "-s", "-m", "chatbot.llm.llama.form_trial")

_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "LANG")
"""All that Python needs of it: the rest holds keys and addresses, which a stranger's form is kept from."""

_SECONDS = 5
"""After which a trial is given up that has not had its share of a processor by then."""

_MOST_WAITING = 8
"""Forms that are tried or wait for it."""

_MOST_OF_ONE = _MOST_WAITING // 4
"""Of these, forms that one caller waits for."""

_REMEMBERED = 64
"""Forms that need no further trial, of the usable and of the others each; most clients have one. Where there
are more, one leaves of the caller who brought the most."""


class TriedForm(NamedTuple):
    """What came of a form's trial, and is known of it since."""

    grammar: str
    """The form in llguidance's own words; empty where it cannot be used."""
    reason: str
    """Why it cannot."""
    caller: str
    """Who brought it first."""
    masks: FormMasks
    """What its masks take."""


_Key = tuple[FormKind, str]


class FormTrials:
    """What became of forms; used on event loops, closed on any thread."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="form-trials")
        self._lock = Lock()
        self._usable: OrderedDict[_Key, TriedForm] = OrderedDict()
        self._refused: OrderedDict[_Key, TriedForm] = OrderedDict()
        # Who waits for a form, and how many requests of each.
        self._waiting: dict[_Key, Counter[str]] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    async def tried(self, form: Form, caller: str) -> TriedForm:
        """The form in llguidance's own words, which have been compiled once; it can be used.

        Args:
            form: What an answer is to be held to.
            caller: Whose share of the trials it takes.

        Raises:
            UnusableForm: it is no form, or takes too long or too much to compile.
            Overloaded: the caller waits for as many forms as it may.
            Unavailable: too many others are being tried, or it could not be tried in time.
            Draining: the engine is being closed.
        """
        key = form.kind, form.text
        with self._lock:
            tried = self._known(key)
            trial = None if tried else self._begin(key, caller)
        if trial is not None:
            trial.add_done_callback(lambda _: self._end(key, caller))
            tried = await asyncio.wrap_future(trial)
        assert tried is not None  # noqa: S101 (for the type checker: there is one, or a trial)
        if tried.reason:
            raise UnusableForm(form.param, tried.reason)
        return tried

    def close(self) -> None:
        """End the trial under way; whoever waits for one gets Draining."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.kill()
        self._thread.shutdown()

    def _known(self, key: _Key) -> TriedForm | None:
        for forms in (self._usable, self._refused):
            if key in forms:
                forms.move_to_end(key)
                return forms[key]
        return None

    def _begin(self, key: _Key, caller: str) -> Future[TriedForm]:
        if self._closed:
            raise Draining("the engine has stopped")
        of_caller = [waited for waited, callers in self._waiting.items() if caller in callers]
        if key not in of_caller and len(of_caller) >= _MOST_OF_ONE:
            raise Overloaded(_SECONDS, len(self._waiting), "the caller has enough forms under trial")
        if key not in self._waiting and len(self._waiting) >= _MOST_WAITING:
            raise Unavailable("too many forms are being tried")
        self._waiting.setdefault(key, Counter())[caller] += 1
        return self._thread.submit(self._try, key, caller)

    def _end(self, key: _Key, caller: str) -> None:
        with self._lock:
            callers = self._waiting[key]
            callers[caller] -= 1
            self._waiting[key] = +callers
            if not self._waiting[key]:
                del self._waiting[key]

    def _try(self, key: _Key, caller: str) -> TriedForm:
        with self._lock:
            # Somebody else may have waited for the same form.
            known = self._known(key)
            if known:
                return known
            if self._closed:
                raise Draining("the engine has stopped")
            environment = {name: os.environ.get(name) for name in _ENVIRONMENT}  # noqa: TID251 - handed on, not read
            process = self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own module
                _COMMAND,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={name: value for name, value in environment.items() if value is not None},
            )
        tried = self._outcome(process, key, caller)
        with self._lock:
            self._remember(key, tried)
        return tried

    def _remember(self, key: _Key, tried: TriedForm) -> None:
        forms = self._refused if tried.reason else self._usable
        forms[key] = tried
        if len(forms) > _REMEMBERED:
            # The least recently used stand first.
            brought = Counter(known.caller for known in forms.values())
            (most, _), *_ = brought.most_common(1)
            del forms[next(known for known, form in forms.items() if form.caller == most)]

    def _outcome(self, process: subprocess.Popen[bytes], key: _Key, caller: str) -> TriedForm:
        with process:
            try:
                told, _ = process.communicate(json.dumps(key).encode(), timeout=_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise Unavailable("a form could not be tried in time") from None
        if self._closed:
            raise Draining("the engine has stopped")
        if process.returncode == -signal.SIGKILL:
            # As where a container's memory ends: it says nothing of the form.
            raise Unavailable("a form's trial was ended from outside")
        if process.returncode < 0:
            return TriedForm("", "it takes too long to compile, or too much memory", caller, FormMasks())
        if process.returncode:
            raise ModelFailed("a form could not be tried")
        result: dict[str, str] = json.loads(told)
        return TriedForm(result.get("grammar", ""), result.get("reason", ""), caller, FormMasks())
