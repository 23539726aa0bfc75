"""A page's objective among torch's tensors; its gradients are those that matgrad derives.

>>> import pytest; torch = pytest.importorskip("torch")
>>> from matgrad import Network
>>> from matgrad.torch import objective
>>> net = Network("input X : B×2\\nparam W : 2×1\\nminimize sum((X W) .^ 2)")
>>> W = torch.ones(2, 1, dtype=torch.float64, requires_grad=True)
>>> loss = objective(net, X=torch.tensor([[1.0, 2.0]], dtype=torch.float64), W=W)
>>> loss.backward()
>>> W.grad.ravel().tolist()
[6.0, 12.0]
"""

from __future__ import annotations

import functools
from typing import Any

from ._network import Network


def objective(network: Network, **tensors: Any) -> Any:
    """The objective of a page at these tensors, one for each of its variables.

    ``backward`` gives those that require a gradient theirs, inputs as well as parameters. Tensors
    in the processor's memory are read where they lie.
    """
    return _function().apply(network, tuple(tensors), *tensors.values())


@functools.cache
def _function() -> Any:
    import torch

    class Objective(torch.autograd.Function):
        @staticmethod
        def forward(ctx, network, names, *tensors):
            wanted = ctx.needs_input_grad[2:]
            arrays = {n: t.detach().cpu().numpy() for n, t in zip(names, tensors, strict=True)}
            asked = [name for name, want in zip(names, wanted, strict=True) if want]
            loss, gradients = network.gradients(*asked, **arrays)
            found = iter(gradients.values())
            ctx.gradients = [
                tensor.new_tensor(next(found)) if want else None
                for tensor, want in zip(tensors, wanted, strict=True)
            ]
            return tensors[0].new_tensor(loss)

        @staticmethod
        def backward(ctx, outer):
            return None, None, *(None if g is None else outer * g for g in ctx.gradients)

    return Objective
