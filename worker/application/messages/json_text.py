"""From text to JSON, and back. Text that is none, and an object in which a name appears more than once, is refused."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NoReturn

from worker.domain.errors import InvalidMessageError
from worker.domain.job import is_job_id

_MAX_FIELD = 64  # characters of a name that the producer chose, as an error shows it


def read_object(text: str, field: str = "body") -> dict[str, Any]:
    """A JSON object. Raises InvalidMessageError, about `field`, for any text that is none."""
    document = read_json(text, field)
    if not isinstance(document, dict):
        raise InvalidMessageError(field, "must be a JSON object")
    return document


def read_json(text: str, field: str) -> Any:
    """Any JSON. Raises InvalidMessageError, about `field`, for any text that is none."""
    twice: list[str] = []
    try:
        document = json.loads(text, object_pairs_hook=partial(_read_pairs, twice), parse_constant=_no_constant)
    except json.JSONDecodeError as exc:
        raise InvalidMessageError(field, f"is not JSON (line {exc.lineno}, column {exc.colno})") from None
    except RecursionError:
        raise InvalidMessageError(field, "is nested too deeply") from None
    except _NoConstantError as exc:
        raise InvalidMessageError(field, f"is not JSON ({exc})") from None
    except ValueError:  # a whole number of thousands of digits
        raise InvalidMessageError(field, "holds a number that is too long") from None
    if twice:
        # Which of two wins differs from parser to parser, so it is not clear what the producer meant.
        job_id = None if "job_id" in twice else readable_job_id(document)
        raise InvalidMessageError(shown(twice[0]), "appears more than once", job_id=job_id)
    return document


def to_json(message: Mapping[str, Any], field: str = "body") -> str:
    """The text of a message from a program. Raises InvalidMessageError, about `field`, where it has none in JSON."""
    try:
        return json.dumps(message, default=partial(_as_object, field))
    except (TypeError, ValueError, RecursionError) as exc:  # a name that is no text, a cycle, nested too deeply
        raise InvalidMessageError(field, f"cannot be written as JSON ({exc})") from exc


def _as_object(field: str, value: object) -> dict[Any, Any]:
    """What `json` can write for a value of a type that it does not know: any mapping is an object."""
    if isinstance(value, Mapping):
        return dict(value)
    raise InvalidMessageError(field, f"holds a {type(value).__name__}, which is not JSON")


def _read_pairs(twice: list[str], pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs; names that it holds more than once are added to `twice`."""
    document = dict(pairs)
    if len(document) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice.extend(name for name, count in counts.items() if count > 1)
    return document


class _NoConstantError(ValueError):
    """NaN or Infinity, which Python reads and JSON does not know."""


def _no_constant(name: str) -> NoReturn:
    raise _NoConstantError(name)


def shown(name: str) -> str:
    """A name that the producer chose, fit for a log line and a record; quotation marks for an empty one."""
    if not name:
        return "''"
    return name[:_MAX_FIELD] if name.isprintable() else ascii(name)[1:-1][:_MAX_FIELD]


def readable_job_id(document: object) -> str | None:
    """The `job_id` of a body, whatever else is wrong with it; None where there is no proper one."""
    job_id = document.get("job_id") if isinstance(document, dict) else None
    return job_id if isinstance(job_id, str) and is_job_id(job_id) else None
