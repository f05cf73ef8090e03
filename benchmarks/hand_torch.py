"""A PyTorch training loop as its users write it: `nn.Sequential`, `torch.optim`, batches by index."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from benchmarks.contenders import Contender
from benchmarks.workloads import Workload

_ACTIVATIONS = {"relu": nn.ReLU}


def make(workload: Workload, contender: Contender):
    """Return (run, note): `run(units)` does that many epochs or calls and returns the logs."""
    x, y = (torch.from_numpy(array) for array in workload.load())
    y = y.reshape(len(y), -1)
    model = _build(workload, x.shape[1])
    if workload.kind == "predict":
        return _predictions(model, x[:1]), ""
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3, alpha=0.9, eps=1e-7)

    def run(units):
        for _ in range(units):
            logs = _epoch(workload, model, optimizer, x, y)
        return logs

    return run, ""


def _build(workload, width):
    """Return the network up to its logits, which PyTorch's losses take."""
    parts: list[nn.Module] = []
    for units, activation in workload.layers:
        linear = nn.Linear(width, units)
        nn.init.xavier_uniform_(linear.weight)
        nn.init.zeros_(linear.bias)
        parts.append(linear)
        if activation in _ACTIVATIONS:
            parts.append(_ACTIVATIONS[activation]())
        width = units
    return nn.Sequential(*parts)


def _epoch(workload, model, optimizer, x, y):
    losses, metrics = torch.zeros(()), torch.zeros(())
    for rows in torch.randperm(len(x)).split(workload.batch_size):
        outputs, targets = model(x[rows]), y[rows]
        loss = _loss(workload, outputs, targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            losses += loss * len(rows)
            metrics += _metric(workload, outputs, targets)
    return {"loss": float(losses) / len(x), workload.metric: float(metrics) / len(x)}


def _loss(workload, outputs, targets):
    if workload.loss == "mse":
        return functional.mse_loss(outputs, targets)
    if workload.loss == "binary_crossentropy":
        return functional.binary_cross_entropy_with_logits(outputs, targets)
    return functional.cross_entropy(outputs, targets)


def _metric(workload, outputs, targets):
    if workload.metric == "mae":
        return (outputs - targets).abs().sum()
    if workload.loss == "binary_crossentropy":
        return ((outputs > 0) == (targets > 0.5)).sum()
    return (outputs.argmax(dim=1) == targets.argmax(dim=1)).sum()


def _predictions(model, row):
    def run(units):
        with torch.inference_mode():
            for _ in range(units):
                outputs = functional.softmax(model(row), dim=1).numpy()
        return {"sum": float(outputs.sum())}

    return run
