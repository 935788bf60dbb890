"""Spoilt files of every format give good rows, bad rows or one sentence, never another exception."""

import importlib.util
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simia_tui import formats
from simia_tui.model import Trajectory

_PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "mutate.py"


@pytest.fixture(scope="module")
def mutate():
    spec = importlib.util.spec_from_file_location("mutate", _PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def content_of(mutate, real_data):
    return [*mutate.hand_made(), *mutate.excerpts(real_data)]


def test_the_unspoilt_samples_are_read(tmp_path, mutate):
    for name, data in mutate.hand_made():
        path = tmp_path / "sample"
        path.write_bytes(data)
        assert formats.detect(path) == name
        assert [row.reason for row in formats.read(path)] == [None]


def test_mutated_files_never_crash(tmp_path, mutate, content_of):
    path = tmp_path / "spoilt"

    @settings(max_examples=300)
    @given(which=st.integers(0, len(content_of) - 1), seed=st.integers(0, 2**32))
    def spoil(which, seed):
        name, data = content_of[which]
        path.write_bytes(mutate.spoilt(data, random.Random(seed)))
        assert sum(mutate.tried(path, name).values()) > 0

    spoil()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "name", "function", "a.b", "type", "0"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


FIELDS = [
    "messages",
    "conversations",
    "history",
    "trajectory",
    "simulations",
    "simulation",
    "sample",
    "steps",
    "calls",
    "turn_history",
    "conversation_history",
    "messages_display",
    "text",
    "tools",
    "info",
    "task_id",
    "user_instruction",
    "observations",
    "attributes",
    "instruction",
    "type",
    "traj",
]


@settings(max_examples=500)
@given(name=st.sampled_from(formats.names()), sample=st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5))
def test_any_json_may_stand_in_the_place_of_any_field(name, sample):
    reader = formats.readers()[name]
    assert isinstance(reader.detect(sample), bool)
    try:
        found = reader.read_record(sample)
        assert found.turns and Trajectory.load(found.dump()) == found
    except formats.RowError as error:
        assert str(error)
