"""`Layer`: weights plus a `call`. Everything that clips together is one.

A layer is made with its settings only. The first call builds it: shapes are known then, weights are made. A call goes through
five steps: convert the inputs, build, find the training flag and the mask, call, and record losses, masks and symbolic results.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from hornpipe.core import dialect, dtypes, graph, masking, naming, tracking, tree
from hornpipe.core.config import Configurable, resolve, serialize
from hornpipe.core.errors import NotBuiltError, ShapeError, message, near_miss
from hornpipe.core.inference import as_shape, has_tensor, infer_on_engine, is_number_list, shapes_of
from hornpipe.core.input_spec import InputSpec as InputSpec
from hornpipe.core.op import to_tensor
from hornpipe.core.random import SeedGenerator
from hornpipe.core.refusal import guarded
from hornpipe.core.scope import CallContext, autocast, context, outside
from hornpipe.core.signatures import (
    CALL_OPTIONS,
    build_names,
    call_facts,
    constructor_names,
    take_first_shape,
)
from hornpipe.core.tracking import owned_by
from hornpipe.core.variable import Variable
from hornpipe.engine import select, shapes


class Layer(Configurable):
    """Base of all layers: weights, a `call`, and what is needed to clip them together.

    Subclasses define `call(self, inputs)`, and `build(self, input_shape)` where weights depend on the input's shape. Attributes
    that are layers, variables or metrics (or lists and dicts of them) are found by themselves.

    Args:
        activity_regularizer: a regularizer of the output, or None.
        trainable: bool. Whether training changes its weights. Default True.
        dtype: dtype name, policy name or `DTypePolicy`. The global policy by default.
        autocast: bool. Whether floating inputs are cast to the compute dtype. Default True.
        name: str. Made from the class's name by default.
        kwargs: `input_shape`, `input_dim` or `batch_input_shape` for the first layer of a `Sequential`.

    Raises:
        TypeError: an unknown argument.
        ValueError: a name that can't stand in a weight's path.

    Example:
        >>> import numpy as np
        >>> import hornpipe as keras
        >>> class Scale(keras.layers.Layer):
        ...     def build(self, input_shape):
        ...         self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")
        ...     def call(self, inputs):
        ...         return inputs * self.factor
        >>> layer = Scale()
        >>> layer(np.ones((2, 3))).shape
        (2, 3)
        >>> [w.path for w in layer.weights]
        ['scale/factor']
    """

    # Contract facts, see tests/contract: whether a row of the output depends on that row of the input alone.
    row_independent: Any = False  # True, False, or "inference": in inference only
    supports_masking = False

    name: str
    built: bool
    input_spec: Any
    dtype_policy: dtypes.DTypePolicy
    activity_regularizer: Any
    _nodes: list
    _losses: list
    _trainable: bool
    _input_shape: Any
    _first_shape: Any
    _call_names: Any
    __dict__: dict

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls, *args, **kwargs)
        self.__dict__.update(
            built=False, _nodes=[], _losses=[], _trainable=True, _input_shape=None, input_spec=None
        )
        return self

    def __init__(
        self,
        *,
        activity_regularizer=None,
        trainable=True,
        dtype=None,
        autocast=True,
        name=None,
        **kwargs,
    ):
        kind = type(self).__name__
        given = dict(kwargs)
        self._first_shape = take_first_shape(given)
        if given:
            unknown = next(iter(given))
            known = [*constructor_names(type(self)), "input_shape"]
            rule = f"got an unknown argument `{unknown}`"
            fix = dialect.advice(type(self), unknown) or near_miss(unknown, known).strip()
            raise TypeError(message(kind, rule, f"{unknown}={given[unknown]!r}", fix))
        self.name = (
            naming.auto_name(naming.snake_case(kind))
            if name is None
            else naming.check_name(name, kind)
        )
        self.activity_regularizer = resolve("regularizer", activity_regularizer)
        if self.activity_regularizer is not None:
            self.row_independent = False  # its penalty is a mean over the rows
        self._trainable = bool(trainable)
        self.dtype_policy = dtypes.get_policy(dtype)
        self.autocast = autocast
        # The policy at this moment: a later change of the global one does not reach a layer that exists.

    # ---- settings

    @property
    def who(self) -> str:
        """The layer as error messages name it: "Dense 'encoder/block_2/dense'"."""
        path = [layer.name for layer in context.call.path] if context.call else []
        if not path or path[-1] != self.__dict__.get("name"):
            path.append(self.__dict__.get("name", "?"))
        return f"{type(self).__name__} {'/'.join(path)!r}"

    @property
    def trainable(self) -> bool:
        """Whether training changes this layer's weights. Setting it sets it for all layers inside."""
        return self._trainable

    @trainable.setter
    def trainable(self, value):
        self._trainable = bool(value)
        tracking.changed()
        for layer in self._layers():
            layer.trainable = value

    @property
    def compute_dtype(self) -> str:
        """The dtype that the layer computes in."""
        return self.dtype_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        """The dtype that weights are kept in."""
        return self.dtype_policy.variable_dtype

    dtype = variable_dtype

    @property
    def input_dtype(self) -> str:
        """The dtype that floating inputs are cast to."""
        return self.dtype_policy.compute_dtype

    def _own_config(self) -> dict:
        return {
            "name": self.name,
            "trainable": self._trainable,
            "dtype": serialize(self.dtype_policy),
        }

    # ---- what the layer owns

    def __getattr__(self, name):
        return dialect.attribute(self, name)

    def __setattr__(self, name, value):
        if not isinstance(value, tracking.PLAIN):
            tracking.changed()
        tracking.forget(self.__dict__)
        object.__setattr__(self, name, value)

    def __delattr__(self, name):
        tracking.changed()
        tracking.forget(self.__dict__)
        object.__delattr__(self, name)

    def _layers(self) -> list[Layer]:
        """Return the layers among the attributes, not those inside them."""
        return owned_by(self.__dict__, Layer)

    def _flatten_layers(self) -> list[Layer]:
        """Return this layer and all layers inside, each once."""
        found, stack = {}, [self]
        while stack:
            layer = stack.pop()
            if id(layer) not in found:
                found[id(layer)] = layer
                stack.extend(reversed(layer._layers()))
        return list(found.values())

    def _own_weights(self) -> list[Variable]:
        return owned_by(self.__dict__, Variable)

    def _collect(self, wanted, trainable: bool) -> list[Variable]:
        """Return variables of this layer and those inside for which `wanted(variable, trainable layer)` holds, each once."""
        found: dict[int, Variable] = {}
        stack = [(self, trainable and self._trainable)]
        while stack:
            layer, flag = stack.pop()
            for variable in layer._own_weights():
                if wanted(variable, flag):
                    found.setdefault(id(variable), variable)
            stack.extend((inner, flag and inner._trainable) for inner in reversed(layer._layers()))
        return list(found.values())

    @property
    def weights(self) -> list[Variable]:
        """All weights, this layer's own before those of the layers inside."""
        return self._collect(lambda variable, flag: True, True)

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training changes by gradients."""
        return self._collect(lambda variable, flag: flag and variable.trainable, True)

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The other weights: frozen ones, and statistics such as moving averages."""
        trainable = {id(variable) for variable in self.trainable_weights}
        return [variable for variable in self.weights if id(variable) not in trainable]

    trainable_variables = trainable_weights

    @property
    def variables(self) -> list[Variable]:
        """All weights, then the states of random generators and metrics."""
        return [*self.weights, *(variable for variable in self._hidden_variables())]

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """All variables that gradients do not change."""
        trainable = {id(variable) for variable in self.trainable_weights}
        return [variable for variable in self.variables if id(variable) not in trainable]

    def _hidden_variables(self) -> list[Variable]:
        found = {}
        for layer in self._flatten_layers():
            for generator in owned_by(layer.__dict__, SeedGenerator):
                found.setdefault(id(generator.state), generator.state)
            for variable in layer.__dict__.get(
                "_kept_states", ()
            ):  # of stateful recurrent layers: no weights
                found.setdefault(id(variable), variable)
        for metric in self._inner_metrics():
            for variable in metric.variables:
                found.setdefault(id(variable), variable)
        return list(found.values())

    def _inner_metrics(self) -> list:
        """Return the metrics among the attributes of this layer and those inside."""
        kinds = _metric_base()
        metrics = [
            metric for layer in self._flatten_layers() for metric in owned_by(layer.__dict__, kinds)
        ]
        return list({id(metric): metric for metric in metrics}.values())

    @guarded()
    def add_weight(
        self,
        shape=None,
        initializer=None,
        dtype=None,
        trainable=True,
        autocast=True,
        regularizer=None,
        constraint=None,
        aggregation="none",
        overwrite_with_gradient=False,
        name=None,
    ) -> Variable:
        """Make a weight of this layer.

        Args:
            shape: tuple of ints; `()` by default.
            initializer: name, object or function `(shape, dtype)`. Default "glorot_uniform" for floats, "zeros" otherwise.
            dtype: dtype name; the layer's variable dtype by default.
            trainable: bool. Whether gradients change it.
            autocast: bool. Whether it is read in the compute dtype.
            regularizer, constraint: name, object or function, or None.
            aggregation: see `Variable`.
            overwrite_with_gradient: bool; only False is supported.
            name: str.

        Returns:
            The new `Variable`. Assign it to an attribute of the layer.

        Raises:
            ValueError: the shape has unknown sizes.
        """
        if overwrite_with_gradient:
            raise ValueError(message(self.who, "`overwrite_with_gradient` must be False", "True"))
        dtype = dtypes.standardize_dtype(dtype or self.variable_dtype)
        if initializer is None:
            initializer = "glorot_uniform" if dtypes.is_float(dtype) else "zeros"
        in_call = context.call is not None and context.call.path and context.call.path[-1] is self
        before = context.call
        if not in_call:
            context.call = CallContext(None)
            context.call.path = [*(before.path if before else ()), self]
        try:
            variable = Variable(
                resolve("initializer", initializer)
                if not hasattr(initializer, "dtype")
                else initializer,
                shape=() if shape is None else shape,
                dtype=dtype,
                trainable=trainable,
                autocast=autocast,
                aggregation=aggregation,
                name=name,
                regularizer=resolve("regularizer", regularizer),
                constraint=resolve("constraint", constraint),
            )
        finally:
            context.call = before
        self.__dict__.setdefault("_weights_made", []).append(variable)
        tracking.forget(self.__dict__)
        return variable

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of all weights as NumPy arrays, in the order of `weights`."""
        return [variable.numpy() for variable in self.weights]

    @guarded()
    def set_weights(self, weights) -> None:
        """Set all weights from a list of arrays in the order of `weights`.

        Raises:
            ValueError: the number of arrays or a shape differs; nothing is changed then.
        """
        variables, arrays = self.weights, list(weights)
        if len(arrays) != len(variables):
            rule = f"has {len(variables)} weights, `weights` must hold as many arrays"
            raise ValueError(message(self.who, rule, f"{len(arrays)} arrays"))
        for variable, array in zip(variables, arrays, strict=True):
            if tuple(np.shape(array)) != variable.shape:
                rule = f"weight {variable.path!r} has the shape {variable.shape}"
                raise ValueError(message(self.who, rule, f"shape={np.shape(array)}"))
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)

    def count_params(self) -> int:
        """Return the number of elements of all weights.

        Raises:
            NotBuiltError: the layer was not built.
        """
        if not self.built and not self.weights:
            fix = "Call it on data, or build(input_shape), first."
            raise NotBuiltError(
                message(self.who, "is not built, its weights are not known", "", fix)
            )
        return sum(variable.size for variable in self.weights)

    # ---- losses

    def add_loss(self, loss) -> None:
        """Add a scalar (or a list of them) to what training minimises, from inside `call`."""
        if select.active.engine is not shapes:  # while shapes are inferred there is no value to add
            self._losses.extend(loss if isinstance(loss, (list, tuple)) else [loss])

    def _clear_losses(self):
        for layer in self._flatten_layers():
            layer._losses.clear()

    @property
    def losses(self) -> list:
        """Scalars added by `add_loss` during the last call, and the penalties of regularizers, of all layers inside."""
        layers = self._flatten_layers()
        added = [loss for layer in layers for loss in layer._losses]
        penalised = {id(v): v for v in self.trainable_weights if v.regularizer is not None}
        return added + [variable.regularizer(variable.value) for variable in penalised.values()]

    # ---- building and calling

    def build(self, input_shape) -> None:
        """Make the weights. The base version makes none of its own."""
        self.built = True

    def call(self, *args, **kwargs):
        """Compute the outputs. Subclasses define it.

        Raises:
            NotImplementedError: always, in the base class.
        """
        raise NotImplementedError(
            message(type(self).__name__, "needs a method `call(self, inputs)`")
        )

    def __call__(self, *args, **kwargs):
        if "dtype_policy" not in self.__dict__:
            fix = "Write super().__init__() first in its __init__."
            raise RuntimeError(message(type(self).__name__, "was not initialised", "", fix))
        facts = call_facts(type(self))
        if len(args) > 1:
            args, kwargs = facts.name_options(args, kwargs)
        args, kwargs, symbolic = self._convert(args, kwargs, facts)
        outermost = context.call is None
        call = context.call = CallContext(None) if outermost else context.call
        call.path.append(self)
        training_before = call.training
        autocast_before = context.autocast
        try:
            if outermost and not symbolic:
                self._clear_losses()
            self._check_inputs(args)
            if not self.built:
                self._build_once(args, kwargs, facts)
            self._find_training(kwargs, facts, call)
            masks = self._find_mask(args, kwargs, facts, symbolic)
            context.autocast = self.compute_dtype if self.autocast else None
            if symbolic:
                return self._call_symbolic(args, kwargs, masks)
            outputs = self._call_real(args, kwargs)
            context.autocast = autocast_before
            self._finish(args, outputs, masks)
            return outputs
        finally:
            context.autocast = autocast_before
            call.path.pop()
            call.training = training_before
            if outermost:
                context.call = None

    def _convert(self, args, kwargs, facts):
        """Step 1: arrays become tensors, floats the compute dtype. Returns also whether the call is symbolic."""
        engine = select.active.engine
        symbolic = False
        dtype = self.dtype_policy.compute_dtype if self.autocast else None

        def convert(leaf):
            nonlocal symbolic
            if isinstance(leaf, graph.KerasTensor):
                symbolic = engine.name != "shapes"
                if (
                    not symbolic
                    and dtype is not None
                    and leaf.dtype != dtype
                    and dtypes.is_float(leaf.dtype)
                ):
                    return shapes.Tensor(leaf.shape, dtype)
                return leaf
            if not engine.is_tensor(leaf):
                if not isinstance(leaf, (np.ndarray, np.generic, Variable)) and not hasattr(
                    leaf, "__array__"
                ):
                    return leaf
                if isinstance(leaf, np.ndarray) and leaf.dtype.kind in "OSUMm":
                    rule = "inputs must hold numbers"
                    seen = f"dtype={leaf.dtype}, shape={leaf.shape}"
                    raise TypeError(message(self.who, rule, seen, "Convert them to numbers first."))
                leaf = to_tensor(leaf)
            if dtype is not None:
                own = engine.dtype(leaf)
                if own != dtype and dtypes.is_float(own):
                    mask = masking.get_mask(leaf)
                    leaf = engine.astype(leaf, dtype)
                    if mask is not None:
                        masking.set_mask(leaf, mask)
            return leaf

        def convert_first(value):
            if (
                isinstance(value, (list, tuple))
                and value
                and all(is_number_list(item) for item in value)
            ):
                return convert(np.asarray(value))
            return tree.map_tree(convert, value)

        args = tuple(
            convert_first(arg) if i == 0 else tree.map_tree(convert, arg)
            for i, arg in enumerate(args)
        )
        if facts.only_tensors and args and not hasattr(args[0], "shape"):
            self._check_tensors(args[0])
        first = facts.names[0] if facts.names and not args else None
        kwargs = {
            name: convert_first(value) if name == first else tree.map_tree(convert, value)
            for name, value in kwargs.items()
        }
        return args, kwargs, symbolic

    def _check_tensors(self, value):
        leaves = tree.flatten(value)
        if leaves and not any(hasattr(leaf, "shape") or is_number_list(leaf) for leaf in leaves):
            raise TypeError(message(self.who, "takes tensors or arrays", repr(value)))

    def _build_once(self, args, kwargs, facts):
        """Step 2: make the weights from the inputs' shapes, with real values whatever is being traced."""
        arguments = dict(zip(facts.names, args, strict=False))
        arguments.update(
            {name: value for name, value in kwargs.items() if name not in CALL_OPTIONS}
        )
        input_shapes = {
            name: shapes_of(value) for name, value in arguments.items() if has_tensor(value)
        }
        with outside(), select.use(select.chosen()), select.chosen().concrete():
            try:
                self._build_with(input_shapes)
            except ShapeError as error:
                raise self._explain(error, args) from None
        self.built = True

    def _build_with(self, input_shapes: dict):
        """Call `build` with one shape, or by names such as `query_shape` where it asks for several."""
        names = build_names(type(self))
        first = next(iter(input_shapes.values()), None)
        if self._input_shape is None:
            self._input_shape = first
        if len(names) <= 1:
            if names:
                self.build(first)
            else:
                self.build()
            return
        known = {f"{name}_shape": shape for name, shape in input_shapes.items()}
        wanted = {name: known[name] for name in names if name in known}
        self.build(**wanted) if wanted else self.build(*input_shapes.values())

    def _check_inputs(self, args):
        """Compare the inputs with `input_spec`.

        Raises:
            ShapeError: they do not fit.
        """
        if self.input_spec is None or not args:
            return
        specs = tree.flatten(self.input_spec)
        leaves = tree.flatten(args[0])
        if len(specs) != len(leaves):
            rule = f"takes {len(specs)} input{'s' if len(specs) > 1 else ''}"
            raise ShapeError(message(self.who, rule, f"{len(leaves)} inputs"), self)
        for spec, leaf in zip(specs, leaves, strict=True):
            if leaf is None and spec.optional:
                continue
            if not hasattr(leaf, "shape"):
                raise TypeError(message(self.who, "takes tensors or arrays", repr(leaf)))
            problem = spec.problem(tuple(leaf.shape))
            if problem:
                fix = (
                    f"The layer was built for inputs of shape {self._input_shape}."
                    if self._input_shape
                    else ""
                )
                raise ShapeError(
                    message(self.who, problem, f"inputs of shape {tuple(leaf.shape)}", fix), self
                )

    def _find_training(self, kwargs, facts, call):
        """Step 3a: the flag comes from the caller, else from the layer around this one, else from `call`'s default."""
        given = kwargs.get("training")
        if given is None:
            given = call.training
        if given is None:
            given = facts.training_default
        call.training = given
        if facts.takes_training and given is not None:
            kwargs["training"] = given
        elif not facts.takes_training:
            kwargs.pop("training", None)

    def _find_mask(self, args, kwargs, facts, symbolic):
        """Step 3b: the first input's mask goes to `call` where it asks for one. Returns that mask."""
        if not args or symbolic or (not masking._masks and "mask" not in kwargs):
            return None
        if kwargs.get("mask") is not None:
            return kwargs["mask"]
        first = args[0]
        masks = masking.get_mask(first) if not isinstance(first, (list, tuple, dict)) else None
        if isinstance(first, (list, tuple, dict)):
            masks = tree.map_tree(
                lambda leaf: masking.get_mask(leaf) if hasattr(leaf, "shape") else None, first
            )
            if all(mask is None for mask in tree.flatten(masks)):
                masks = None
        if masks is not None and facts.takes_mask:
            kwargs["mask"] = masks
        if len(facts.names) > 1:
            for name, value in [
                *zip(facts.names[1:], args[1:], strict=False),
                *list(kwargs.items()),
            ]:
                mask_name = f"{name}_mask"
                if (
                    mask_name in facts.all_names
                    and hasattr(value, "shape")
                    and kwargs.get(mask_name) is None
                ):
                    found = masking.get_mask(value)
                    if found is not None:
                        kwargs[mask_name] = found
            mask_name = f"{facts.names[0]}_mask"
            if mask_name in facts.all_names and kwargs.get(mask_name) is None and masks is not None:
                kwargs[mask_name] = masks
        return masks

    def _call_real(self, args, kwargs):
        """Step 4: call; shape errors are told with the layer's path."""
        try:
            return self.call(*args, **kwargs)
        except ShapeError as error:
            raise self._explain(error, args) from None

    def _call_symbolic(self, args, kwargs, masks):
        """Step 4 for symbolic inputs: infer the outputs' shapes, and record the call in the graph."""
        recorded = {
            name: value for name, value in kwargs.items() if name != "training" or value is not None
        }
        facts = call_facts(type(self))
        if "training" in recorded and recorded["training"] == facts.training_default:
            del recorded["training"]
        outputs = self._infer(args, kwargs)
        if self._input_shape is None and args:
            self._input_shape = shapes_of(args[0])
        return graph.record(self, args, recorded, outputs)

    def _cast_shape(self, leaf):
        """Return what `call` gets for a symbolic input: floats in the compute dtype."""
        if not isinstance(leaf, graph.KerasTensor):
            return leaf
        cast = self.autocast and dtypes.is_float(leaf.dtype)
        return shapes.Tensor(leaf.shape, self.compute_dtype if cast else leaf.dtype)

    def _infer(self, args, kwargs):
        """Return the outputs as shapes-engine tensors: from the user's own rule, the shapes engine, or the real one."""
        args, kwargs = tree.map_tree(self._cast_shape, (args, kwargs))
        with select.use(shapes), autocast(self.compute_dtype if self.autocast else None):
            own = type(self)
            if own.compute_output_spec is not Layer.compute_output_spec:
                return tree.map_tree(as_shape, self.compute_output_spec(*args, **kwargs))
            if own.compute_output_shape is not Layer.compute_output_shape and args:
                out = self.compute_output_shape(shapes_of(args[0]))
                return tree.map_shapes(lambda shape: shapes.Tensor(shape, self.compute_dtype), out)
            try:
                return self.call(*args, **kwargs)
            except ShapeError as error:
                raise self._explain(error, args) from None
            except (TypeError, AttributeError) as error:
                failure = error
        return infer_on_engine(self, args, kwargs, failure)

    def _finish(self, args, outputs, masks):
        """Step 5: penalties of the activity, and the mask of the outputs."""
        if self.activity_regularizer is not None and select.active.engine is not shapes:
            for leaf in tree.flatten(outputs):
                self.add_loss(
                    self.activity_regularizer(leaf) / leaf.shape[0] if leaf.shape[0] else 0.0
                )
        if masks is None and type(self).compute_mask is Layer.compute_mask:
            return
        if select.active.engine.name == "shapes":
            return
        given = args[0] if args else None
        mask = self.compute_mask(given, masks)
        if mask is None:
            return
        leaves = tree.flatten(outputs)
        for leaf, leaf_mask in zip(
            leaves, tree.flatten(mask) if len(leaves) > 1 else [mask], strict=False
        ):
            if leaf_mask is not None and masking.get_mask(leaf) is None:
                masking.set_mask(leaf, leaf_mask)

    def compute_mask(self, inputs, previous_mask):
        """Return the mask of the outputs: the inputs' own where the layer supports masking, else None."""
        if not self.supports_masking:
            return None
        if isinstance(previous_mask, (list, tuple, dict)):
            return next((mask for mask in tree.flatten(previous_mask) if mask is not None), None)
        return previous_mask

    def _explain(self, error, args):
        text = str(error)
        if error.layer is not None:
            return error
        received = f"inputs of shape {shapes_of(args[0])}" if args and has_tensor(args[0]) else ""
        return ShapeError(message(self.who, text, received), self)

    # ---- shapes

    def compute_output_shape(self, *args, **kwargs):
        """Return the shape of the outputs for inputs of a given shape, batch included; builds nothing.

        Args:
            args: the shape of each argument of `call`: tuples of ints and None, or structures of them.
        """
        inputs = [
            tree.map_shapes(lambda shape: graph.KerasTensor(shape, self.compute_dtype), shape)
            for shape in args
        ]
        inputs = {**dict(zip(call_facts(type(self)).names, inputs, strict=False))}
        inputs.update(
            {
                name.removesuffix("_shape"): tree.map_shapes(
                    lambda s: graph.KerasTensor(s, self.compute_dtype), shape
                )
                for name, shape in kwargs.items()
            }
        )
        return shapes_of(self.compute_output_spec(**inputs))

    def compute_output_spec(self, *args, **kwargs):
        """Return the outputs for symbolic inputs, without recording a call."""
        if not self.built:
            self._build_once(args, kwargs, call_facts(type(self)))
        outputs = self._infer(args, kwargs)
        return tree.map_tree(
            lambda t: graph.KerasTensor(t.shape, t.dtype) if isinstance(t, shapes.Tensor) else t,
            outputs,
        )

    def _node(self, index, what):
        if index >= len(self._nodes):
            fix = "Call it on keras.Input(...) or put it into a model first."
            raise NotBuiltError(message(self.who, f"has no {what} yet", "", fix))
        return self._nodes[index]

    @property
    def input(self):
        """The symbolic input of the only call."""
        node = self._only_node("input")
        return node.args[0] if node.args else node.outputs

    @property
    def output(self):
        """The symbolic output of the only call."""
        return self._only_node("output").outputs

    def _only_node(self, what):
        if len(self._nodes) > 1:
            rule = f"was called {len(self._nodes)} times, so it has no single {what}"
            raise ValueError(message(self.who, rule, "", f"Use layer.get_{what}_at(index)."))
        return self._node(0, what)

    def get_input_at(self, node_index):
        """Return the symbolic input of call number `node_index`."""
        return self._node(node_index, "input").args[0]

    def get_output_at(self, node_index):
        """Return the symbolic output of call number `node_index`."""
        return self._node(node_index, "output").outputs

    @property
    def input_shape(self):
        """The shape of the input, batch included (None where unknown).

        Raises:
            NotBuiltError: the layer has not been called.
        """
        if self._nodes:
            node = self._nodes[0]
            return shapes_of(node.args[0] if node.args else node.outputs)
        if self._input_shape is None and self._first_shape is None:
            self._node(0, "input shape")
        return self._first_shape if self._input_shape is None else self._input_shape

    @property
    def output_shape(self):
        """The shape of the output, batch included (None where unknown).

        Raises:
            NotBuiltError: the layer has not been called.
        """
        if self._nodes:
            return shapes_of(self._nodes[0].outputs)
        if self._input_shape is None and self._first_shape is None:
            self._node(0, "output shape")
        return self.compute_output_shape(self.input_shape)

    def __repr__(self):
        return f"<{type(self).__name__} name={self.__dict__.get('name', '?')}, built={self.built}>"


Layer._kind = "layer"
Layer._call_names = property(lambda self: call_facts(type(self)).all_names)


@functools.cache
def _metric_base():
    from hornpipe.metrics.base import Metric

    return Metric
