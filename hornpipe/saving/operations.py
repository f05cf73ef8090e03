"""How files name operations: for each the module and class that Keras 3 keeps it under.

In a file a class keeps the settings of an operation (such as `axis`) in its config; tensors stand in the call. Operations that
Keras does not have are written under our own name with everything in the call.

>>> from hornpipe.saving.operations import describe_call
>>> describe_call("sum", ("x",), {"axis": 1})
('keras.src.ops.numpy', 'Sum', {'axis': 1, 'keepdims': False}, ['x'], {})
"""

from __future__ import annotations

import functools
import inspect

from hornpipe.core.op import OPS, operation

_PREFIX = "keras.src.ops."
_OURS = "hornpipe.ops"
# module -> operations: "name=Class:settings"; the class is the name in camel case where it is left out
_CLASSES = {
    "core": """
        cast:dtype scatter_update:reduction slice:shape slice_update stop_gradient
        unstack:num,axis
    """,
    "linalg": """
        cholesky:upper cholesky_inverse:upper det eig eigh inv lstsq:rcond lu_factor
        matrix_rank:tol norm:ord,axis,keepdims pinv:rcond qr:mode solve solve_triangular:lower
        svd=SVD:full_matrices,compute_uv
    """,
    "math": """
        cdist=CDist erf erfc erfinv extract_sequences:sequence_length,sequence_stride fft=FFT
        fft2=FFT2 ifft2=IFFT2 in_top_k irfft=IRFFT:fft_length logdet logsumexp:axis,keepdims
        rfft=RFFT:fft_length rsqrt segment_sum:num_segments,sorted top_k:k,sorted
        view_as_complex view_as_real
    """,
    "nn": """
        average_pool:pool_size,strides,padding,data_format binary_crossentropy:from_logits
        categorical_crossentropy:from_logits,axis celu:alpha
        conv:strides,padding,data_format,dilation_rate
        conv_transpose:strides,padding,output_padding,data_format,dilation_rate
        ctc_decode=CTCDecode:strategy,beam_width,top_paths,merge_repeated,mask_index
        depthwise_conv:strides,padding,data_format,dilation_rate
        dot_product_attention:is_causal,flash_attention,attn_logits_soft_cap elu:alpha
        gelu:approximate glu:axis hard_shrink:threshold hard_sigmoid hard_silu
        hard_swish=HardSilu hard_tanh layer_normalization=LayerNorm:axis,epsilon,rms_scaling
        leaky_relu:negative_slope log_sigmoid log_softmax:axis
        max_pool:pool_size,strides,padding,data_format moments:axes,keepdims,synchronized
        multi_hot:num_classes,axis,dtype,sparse normalize:axis,order,epsilon
        one_hot:num_classes,axis,dtype,sparse polar psnr=PSNR relu relu6
        rms_normalization=RMSNorm:axis,epsilon selu
        separable_conv:strides,padding,data_format,dilation_rate sigmoid silu
        soft_shrink:threshold softmax:axis softplus softsign sparse_plus sparse_sigmoid
        sparsemax:axis squareplus:b swish=Silu tanh_shrink threshold
    """,
    "numpy": """
        abs=Absolute absolute add all:axis,keepdims allclose=AllClose:rtol,atol,equal_nan
        amax:axis,keepdims amin:axis,keepdims angle any:axis,keepdims append:axis arccos arccosh
        arcsin arcsinh arctan arctan2 arctanh argmax:axis,keepdims argmin:axis,keepdims
        argpartition:kth,axis argsort:axis array_split:indices_or_sections,axis average:axis
        bincount:weights,minlength,sparse bitwise_and bitwise_invert bitwise_left_shift
        bitwise_not bitwise_or bitwise_right_shift bitwise_xor broadcast_to:shape cbrt ceil
        clip:x_min,x_max concatenate:axis conj=Conjugate conjugate copy corrcoef cos cosh
        count_nonzero:axis cumprod:axis,dtype cumsum:axis,dtype deg2rad diag:k diagflat:k
        diagonal:offset,axis1,axis2 diff:n,axis divide divide_no_nan dot dstack empty_like:dtype
        equal exp exp2 expand_dims:axis expm1 fabs flip:axis fliplr flipud floor floor_divide
        fmax fmin fmod full_like:dtype gcd geomspace:num,endpoint,dtype,axis getitem=GetItem
        greater greater_equal heaviside histogram:bins,range hsplit:indices_or_sections hstack
        hypot i0 imag inner isclose:equal_nan isfinite isin=IsIn:assume_unique,invert isinf
        isnan isneginf isposinf isreal kron lcm ldexp left_shift less less_equal
        linspace:num,endpoint,retstep,dtype,axis log log10 log1p log2 logaddexp logaddexp2
        logical_and logical_not logical_or logical_xor logspace:num,endpoint,base,dtype,axis
        matmul max:axis,keepdims,initial maximum mean:axis,keepdims median:axis,keepdims
        meshgrid:indexing min:axis,keepdims,initial minimum mod moveaxis:source,destination
        multiply nan_to_num:nan,posinf,neginf nanargmax:axis,keepdims nanargmin:axis,keepdims
        nancumprod:axis,dtype nancumsum:axis,dtype nanmax:axis,keepdims nanmean:axis,keepdims
        nanmedian:axis,keepdims nanmin:axis,keepdims nanpercentile:axis,method,keepdims
        nanprod:axis,keepdims nanquantile:axis,method,keepdims nanstd:axis,keepdims
        nansum:axis,keepdims nanvar:axis,keepdims ndim negative nextafter nonzero not_equal
        ones_like:dtype outer pad:pad_width,mode percentile:axis,method,keepdims power
        prod:axis,keepdims,dtype ptp:axis,keepdims quantile:axis,method,keepdims rad2deg ravel
        real reciprocal repeat:repeats,axis reshape:newshape right_shift roll:shift,axis
        rot90:k,axes round:decimals sign signbit sin sinc sinh size slogdet sort:axis
        split:indices_or_sections,axis sqrt square squeeze:axis stack:axis std:axis,keepdims
        subtract sum:axis,keepdims swapaxes:axis1,axis2 take:axis take_along_axis:axis tan tanh
        tensordot:axes tile:repeats trace:offset,axis1,axis2 transpose:axes trapezoid:x,dx,axis
        tril:k triu:k true_divide trunc
        unique:sorted,return_index,return_inverse,return_counts,axis,size,fill_value
        var:axis,keepdims vdot vsplit:indices_or_sections vstack where zeros_like:dtype
    """,
}


@functools.cache
def _rows() -> dict[str, tuple[str, str, tuple[str, ...]]]:
    """Return operation -> (module, class, settings)."""
    rows = {}
    for module, words in _CLASSES.items():
        for word in words.split():
            head, _, settings = word.partition(":")
            name, _, cls = head.partition("=")
            rows[name] = (
                module,
                cls or _camel(name),
                tuple(settings.split(",")) if settings else (),
            )
    rows["einsum"] = ("numpy", "Einsum", ("subscripts",))
    return rows


@functools.cache
def _names() -> dict[str, str]:
    """Return class -> operation, for operations that exist here."""
    operation("add")  # loads them
    return {cls: name for name, (_, cls, _) in reversed(_rows().items()) if name in OPS}


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def describe_call(name: str, args, kwargs):
    """Return module, class, settings, positional and keyword arguments of a call, as a file holds them."""
    row = _rows().get(name)
    plain = (_OURS, name, {}, list(args), dict(kwargs))
    if row is None:
        return plain
    module, cls, settings = row
    bound = inspect.signature(OPS[name]).bind(*args, **kwargs)
    bound.apply_defaults()
    config, call = {}, []
    for key, value in bound.arguments.items():
        if key in settings:
            config[key] = value
        elif inspect.signature(OPS[name]).parameters[key].kind is inspect.Parameter.VAR_KEYWORD:
            if value:
                return plain
        else:
            call.append(value)
    while call and call[-1] is None:
        call.pop()
    if name == "einsum":
        call = list(call[0])
    return _PREFIX + module, cls, config, call, {}


def is_operation(module, class_name) -> bool:
    """Return whether a description in a graph is that of an operation rather than of a layer."""
    return isinstance(module, str) and (module.startswith(_PREFIX) or module == _OURS)


def find(module: str, class_name: str, config: dict):
    """Return the operation of a description, and its settings.

    Raises:
        ValueError: there is no such operation.
    """
    name = class_name if module == _OURS else _names().get(class_name)
    operation("add")
    if name not in OPS:
        raise ValueError(f"the operation {class_name!r} is unknown")
    settings = {key: value for key, value in config.items() if key != "name"}
    known = inspect.signature(OPS[name]).parameters
    unknown = [key for key in settings if key not in known]
    if unknown:
        raise ValueError(f"the operation {class_name!r} has no setting {unknown[0]!r}")
    return OPS[name], settings


def call(function, args, settings: dict, kwargs: dict):
    """Call an operation with what `find` and the file's call say."""
    name = function.op_name
    if name == "einsum":
        return function(list(args), **settings)
    if name == "getitem" and isinstance(args[-1], list):
        args = (*args[:-1], tuple(args[-1]))
    return function(*args, **settings, **kwargs)
