"""The tasks of one annotator: the questions, which task is next, and the rows of answers."""

from __future__ import annotations

import datetime
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dsrbench.analysis.labels import BETTER, PLACES, PRESENT
from dsrbench.annotation.answers import AnswerFile, answer_key, sample_value
from dsrbench.annotation.plan import Plan, Task
from dsrbench.errors import InputError
from dsrbench.store import SampleKey

WHERE = {
    "left": "left of {object}",
    "right": "right of {object}",
    "top": "on top of {object}",
    "under": "under {object}",
    "front": "in front of {object}",
    "behind": "behind {object}",
    "none": "none of these",
    "unknown": "cannot tell",
}
"""Words of `PLACES` on the page."""

WHO = {
    "both": "both",
    "subject": "only {subject}",
    "object": "only {object}",
    "neither": "neither",
    "unknown": "cannot tell",
}
"""Words of `PRESENT` on the page."""

WHICH = {"first": "the first", "second": "the second", "same": "both alike"}
"""Words of `BETTER` on the page."""

CLIP_QUESTIONS = (
    ("start", "Where is {subject} at the start?", PLACES, WHERE),
    ("end", "Where is {subject} at the end?", PLACES, WHERE),
    ("present", "Who is there throughout, and stays what it is?", PRESENT, WHO),
)
PAIR_QUESTIONS = (("better", "Which clip follows the prompt better?", BETTER, WHICH),)

Values = Mapping[str, Any]


class StaleTaskError(InputError):
    """An answer to a task that is not the next one, as from a page that was open twice."""


class Session:
    """One annotator at work; safe to use from several threads.

    Args:
        plan: Clips and pairs of all annotators.
        answers: Answers of this annotator so far.
    """

    def __init__(self, plan: Plan, answers: AnswerFile) -> None:
        self.plan, self.answers = plan, answers
        self._tasks = plan.tasks(answers.annotator)
        self._lock = threading.Lock()

    @property
    def n_tasks(self) -> int:
        """Number of tasks."""
        return len(self._tasks)

    @property
    def n_done(self) -> int:
        """Number of tasks that are answered."""
        return self.n_tasks - len(self._open())

    def next(self) -> dict[str, Any]:
        """Return the next task as the page needs it; nothing in it tells models, seeds, scores or file names."""
        with self._lock:
            return self._describe()

    def answer(self, task_id: str, values: Values) -> dict[str, Any]:
        """Keep the answer to the next task, and return the task after it.

        Raises:
            StaleTaskError: Another task is next.
            InputError: A value is absent, or none of the choices.
            StoreError: The answer cannot be written.
        """
        with self._lock:
            task = next(iter(self._open()), None)
            if task is None or task.id != task_id:
                raise StaleTaskError("this is not the next task: it may have been answered in another window")
            self.answers.append(_make_row(task, values))
            return self._describe()

    def undo(self) -> dict[str, Any]:
        """Remove the last answer, and return its task, which is next again.

        Raises:
            StaleTaskError: There is no answer of this plan to undo.
            StoreError: The file cannot be written.
        """
        with self._lock:
            if not self._can_undo():
                raise StaleTaskError("there is no answer to undo")
            self.answers.drop_last()
            return self._describe()

    def _open(self) -> list[Task]:
        """Return the tasks without an answer, in order; of a clip that is asked twice, the first answer comes first."""
        counts: Counter[frozenset[SampleKey] | None] = Counter(map(answer_key, self.answers.rows))
        tasks = []
        for task in self._tasks:
            if counts[task.key]:
                counts[task.key] -= 1
            else:
                tasks.append(task)
        return tasks

    def _can_undo(self) -> bool:
        keys = {task.key for task in self._tasks}
        return bool(self.answers.rows) and answer_key(self.answers.rows[-1]) in keys

    def _describe(self) -> dict[str, Any]:
        tasks = self._open()
        progress = {"done": self.n_tasks - len(tasks), "total": self.n_tasks, "can_undo": self._can_undo()}
        if not tasks:
            return {"kind": "end", **progress}
        task, prompt = tasks[0], tasks[0].clips[0].sample.prompt
        nouns = {"subject": f"the {prompt.subject}", "object": f"the {prompt.object}"}
        is_pair = len(task.clips) == 2
        return {
            "kind": "pair" if is_pair else "clip",
            "task": task.id,
            "videos": [self.plan.video_id(clip) for clip in task.clips],
            "questions": [_describe_question(question, nouns) for question in _questions(task)],
            **({"prompt": prompt.text} if is_pair else nouns),
            **progress,
        }


Question = tuple[str, str, Any, Mapping[str, str]]


def _questions(task: Task) -> Sequence[Question]:
    return PAIR_QUESTIONS if len(task.clips) == 2 else CLIP_QUESTIONS


def _describe_question(question: Question, nouns: Mapping[str, str]) -> dict[str, Any]:
    name, text, choices, words = question
    return {
        "name": name,
        "text": text.format(**nouns),
        "choices": [{"value": choice, "text": words[choice].format(**nouns)} for choice in choices],
    }


def _make_row(task: Task, values: Values) -> dict[str, Any]:
    """Return an answer as it is written: the clips, what the annotator says, and the time.

    Raises:
        InputError: A value is absent, or none of the choices.
    """
    row: dict[str, Any] = {}
    names = ("first", "second") if len(task.clips) == 2 else ("sample",)
    for name, clip in zip(names, task.clips, strict=True):
        row[name] = sample_value(clip.sample.id)
    for name, _, choices, _ in _questions(task):
        value = values.get(name)
        if not isinstance(value, str) or value not in choices:
            raise InputError(f"expected one of {', '.join(choices)} under {name!r}, got {value!r:.80}")
        row[name] = value
    row["time"] = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return row
