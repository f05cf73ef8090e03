"""The compiled part of the CPU kernels: C++ source, how to build it, how to find what was built.

`hornpipe kernels` says whether it is active and why; `hornpipe kernels --build` builds it. Without it everything runs as well, slower.

>>> from hornpipe.kernels import library
>>> library.folder("jax-0.10.2").parent.name
'kernels'
"""
