import gc

import pytest

import cgrad


@pytest.fixture(autouse=True)
def clean_tape():
    """Each test begins with this thread's own tape empty, outside no_grad and detect_anomaly."""
    gc.collect()
    cgrad.current_tape().clear()
    yield
    cgrad.current_tape().clear()
