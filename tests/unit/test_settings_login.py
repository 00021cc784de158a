"""The login to Redis, as its variables have it."""

from __future__ import annotations

import pytest

from worker.settings import load

ENOUGH = {"WORKER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/111122223333/audio", "WORKER_TABLE": "audio"}


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_login_has_no_line_end_of_the_file_that_its_secret_was_made_from(end: str) -> None:
    login = {"REDIS_ENDPOINT": "cache", "REDIS_USERNAME": f"a user{end}", "REDIS_PASSWORD": f" a password {end}"}

    redis = load(ENOUGH | login).redis

    assert redis.username is not None
    assert redis.username.get_secret_value() == "a user"
    assert redis.password is not None
    assert redis.password.get_secret_value() == " a password "
