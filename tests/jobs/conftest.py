"""A run that nothing happened to, for the others to be compared with."""

from __future__ import annotations

import pytest
from small_jobs import Silent, job

from hypo.jobs.attempt import attempt
from hypo.runs.directory import RunDirectory


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    done = job(tmp_path_factory.mktemp("uninterrupted"))
    assert attempt(done, Silent()).state == "done"
    return done.directory
