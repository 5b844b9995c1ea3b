"""Folds block-wise `DequantizeLinear` of constant weights in an ONNX file into fp32 initialisers.

In: the bytes of a model; out: the bytes of the same model with plain fp32 weights. Nodes that dequantise constants
go away, initialisers that nobody reads any more go away, and so do graph inputs that are weights or that nobody reads. Nothing
else changes.

It reads and writes the protobuf wire format itself, with the standard library alone: the result's hash is pinned in
models/manifest.toml, and a library's serialisation may differ from version to version, and no one version of it
installs on every Python from 3.9 on. fp32 products are exact in Python's double before they are rounded once, so the
result is the same on every machine.
"""
import array
import sys

FLOAT, INT8 = 1, 3  # TensorProto.DataType


class FoldError(Exception):
    pass


def fold(model):
    """The folded model's bytes."""
    if sys.byteorder != "little":
        raise FoldError("folding is written for little-endian machines")
    fields = list(_fields(model))
    out = []
    for number, wire, value in fields:
        out.append((number, wire, _fold_graph(value) if number == 7 else value))
    return _join(out)


def _fold_graph(graph):
    fields = list(_fields(graph))
    weights = {}
    for number, _, value in fields:
        if number == 5:
            name = _text(value, 8)
            weights[name] = value
    folded, kept_nodes, read = [], [], set()
    for number, wire, value in fields:
        if number != 1:
            continue
        inputs = [v.decode() for n, _, v in _fields(value) if n == 1]
        outputs = [v.decode() for n, _, v in _fields(value) if n == 2]
        if _text(value, 4) == "DequantizeLinear" and all(i in weights for i in inputs):
            folded.append((5, 2, _dequantise(value, [weights[i] for i in inputs], outputs[0])))
        else:
            kept_nodes.append(value)
            read.update(inputs)
    kept = set(kept_nodes)
    out = []
    for number, wire, value in fields:
        if number == 1 and value not in kept:
            continue
        if number == 5 and _text(value, 8) not in read:
            continue
        if number == 11 and (_text(value, 1) not in read or _text(value, 1) in weights):
            continue
        out.append((number, wire, value))
    return _join(out + folded)


def _dequantise(node, tensors, name):
    axis, block = 1, 0
    for number, _, value in _fields(node):
        if number == 5:
            attribute = {n: v for n, _, v in _fields(value)}
            if attribute[1] == b"axis":
                axis = attribute.get(3, 0)
            elif attribute[1] == b"block_size":
                block = attribute.get(3, 0)
    if len(tensors) != 3 or block < 1:
        raise FoldError(f"{name}: expected values, scales and zero points in blocks")
    (dims, values), (_, scales), (_, zeros) = (
        _tensor(tensors[0], INT8), _tensor(tensors[1], FLOAT), _tensor(tensors[2], INT8))
    if not 0 <= axis < len(dims) or axis != len(dims) - 1:
        raise FoldError(f"{name}: blocks must run along the last axis")
    row = dims[-1]
    blocks = -(-row // block)
    rows = len(values) // row
    if len(scales) != rows * blocks or len(zeros) != len(scales):
        raise FoldError(f"{name}: {len(scales)} scales for {rows} rows of {blocks} blocks")
    result = array.array("f")
    for r in range(rows):
        for b in range(blocks):
            scale, zero = scales[r * blocks + b], zeros[r * blocks + b]
            part = values[r * row + b * block:r * row + min((b + 1) * block, row)]
            result.extend([(value - zero) * scale for value in part])
    packed = b"".join(_varint(d) for d in dims)
    return _join([(1, 2, packed), (2, 0, FLOAT), (8, 2, name.encode()), (9, 2, result.tobytes())])


def _tensor(message, kind):
    """Dimensions and numbers of a tensor that keeps its data raw."""
    dims, raw, found = [], b"", None
    for number, wire, value in _fields(message):
        if number == 1:
            if wire == 0:
                dims.append(value)
            else:
                place = 0
                while place < len(value):
                    dim, place = _read_varint(value, place)
                    dims.append(dim)
        elif number == 2:
            found = value
        elif number == 9:
            raw = value
    if found != kind:
        raise FoldError(f"tensor of type {found}, expected {kind}")
    numbers = array.array("f" if kind == FLOAT else "b")
    numbers.frombytes(raw)
    count = 1
    for dim in dims:
        count *= dim
    if len(numbers) != count:
        raise FoldError(f"tensor of {len(numbers)} numbers for dimensions {dims}")
    return dims, numbers


# --- protobuf wire format ---

def _fields(message):
    """(number, wire type, value) of each field, in order; values are ints or bytes."""
    place, end = 0, len(message)
    while place < end:
        key, place = _read_varint(message, place)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, place = _read_varint(message, place)
        elif wire == 1:
            value, place = message[place:place + 8], place + 8
        elif wire == 2:
            length, place = _read_varint(message, place)
            value, place = message[place:place + length], place + length
        elif wire == 5:
            value, place = message[place:place + 4], place + 4
        else:
            raise FoldError(f"wire type {wire} in field {number}")
        if place > end:
            raise FoldError("truncated file")
        yield number, wire, value


def _join(fields):
    parts = []
    for number, wire, value in fields:
        parts.append(_varint(number << 3 | wire))
        if wire == 0:
            parts.append(_varint(value))
        else:
            if wire == 2:
                parts.append(_varint(len(value)))
            parts.append(value)
    return b"".join(parts)


def _text(message, wanted):
    for number, _, value in _fields(message):
        if number == wanted:
            return value.decode()
    return ""


def _read_varint(data, place):
    value = shift = 0
    while True:
        if place >= len(data) or shift > 63:
            raise FoldError("broken number")
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
        shift += 7


def _varint(value):
    if value < 0:
        value += 1 << 64
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
