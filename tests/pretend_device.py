"""A device "pretend": it computes on the CPU, and refuses tensors of the CPU as CUDA does.

Placement can so be tested without a GPU; streams and kernels cannot. Python only: a backend of
torch's "PrivateUse1", and a tensor that wraps one of the CPU.
"""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

_setup_privateuseone_for_python_backend("pretend")
# It has no random numbers of its own: they are drawn on the CPU, equal ones for equal seeds.
torch.pretend.get_rng_state = lambda device=None: torch.get_rng_state()
torch.pretend.set_rng_state = lambda state, device=None: None
torch.pretend.manual_seed_all = lambda seed: None

DEVICE = torch.device("pretend:0")

# Indices may lie on the CPU, as with CUDA.
TAKE_CPU_INDICES = {"aten::index", "aten::index_put_"}


class PretendTensor(torch.Tensor):
    """A tensor that says it is on the pretend device; `raw` is where its numbers are."""

    @staticmethod
    def __new__(cls, raw, requires_grad=False):
        return torch.Tensor._make_wrapper_subclass(
            cls,
            raw.shape,
            strides=raw.stride(),
            storage_offset=raw.storage_offset(),
            dtype=raw.dtype,
            device=DEVICE,
            requires_grad=requires_grad,
        )

    def __init__(self, raw, requires_grad=False):
        self.raw = raw

    def __repr__(self):
        return f"PretendTensor({self.raw})"

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return compute(func, args, kwargs or {})


class PretendDevice(TorchDispatchMode):
    """Within it, tensors can be made on and moved to the pretend device."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return compute(func, args, kwargs or {})


def compute(func, args, kwargs):
    """Run an operation on the CPU, and put the result where it belongs."""
    name = func._schema.name
    tensors = [t for t in tree_flatten((args, kwargs))[0] if isinstance(t, torch.Tensor)]
    pretended = [t for t in tensors if isinstance(t, PretendTensor)]
    if name == "aten::copy_":
        raw(args[0]).copy_(raw(args[1]))
        return args[0]
    targets = [v for v in tree_flatten((args, kwargs))[0] if isinstance(v, torch.device)]
    if targets:
        there = targets[0].type == "pretend"
    else:
        refuse_mixtures(name, tensors, pretended)
        there = bool(pretended)
    if name == "aten::_to_copy":  # without a device it copies, else it would not: both are the CPU
        kwargs = {key: value for key, value in kwargs.items() if key != "device"}
    result = func(*tree_map(raw, args), **tree_map(raw, kwargs))
    known = {id(t.raw): t for t in pretended}  # what works in place returns its argument
    return tree_map(lambda t: place(t, known) if there else t, result)


def refuse_mixtures(name, tensors, pretended):
    """Raise what CUDA raises; a number (a tensor without axes) may come from the CPU."""
    strays = [t for t in tensors if not isinstance(t, PretendTensor) and t.ndim > 0]
    if pretended and strays and name not in TAKE_CPU_INDICES:
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but found pretend:0 and cpu ({name})"
        )


def raw(value):
    """What to compute with: the numbers on the CPU, and the CPU in place of any device."""
    if isinstance(value, torch.device):
        return torch.device("cpu")
    return value.raw if isinstance(value, PretendTensor) else value


def place(value, known):
    if not isinstance(value, torch.Tensor):
        return value
    return known[id(value)] if id(value) in known else PretendTensor(value)
