"""Known-wrong contenders of patch_pooling. A check that lets one of them pass is broken."""

import torch

from opbench import impl

OP = "patch_pooling"
_by_identity = {}
_by_content = {}


def right(tokens, lengths, *, fill=-1.0):
    """A right answer, to be spoilt."""
    out = torch.full((*lengths.shape, tokens.shape[2]), fill, dtype=tokens.dtype)
    rows = []
    for b, row in enumerate(lengths.tolist()):
        start, cells = 0, []
        for p, n in enumerate(row):
            span = tokens[b, start : start + n]
            cells.append(span.double().mean(0).to(tokens.dtype) if n else out[b, p])
            start += n
        rows.append(torch.stack(cells) if cells else out[b])
    return torch.stack(rows) if rows else out


@impl(OP)
def first_token(tokens, lengths, *, fill=-1.0):
    starts = lengths.cumsum(1) - lengths
    index = starts.clamp(0, max(tokens.shape[1] - 1, 0))[..., None].expand(-1, -1, tokens.shape[2])
    if tokens.shape[1] == 0:
        return right(tokens, lengths, fill=fill)
    return tokens.gather(1, index.long()).masked_fill((lengths == 0)[..., None], fill)


@impl(OP)
def zeros(tokens, lengths, *, fill=-1.0):
    return right(tokens, lengths, fill=fill) * 0


@impl(OP)
def all_fill(tokens, lengths, *, fill=-1.0):
    return right(tokens, lengths, fill=fill) * 0 - 1


@impl(OP)
def off_by_one(tokens, lengths, *, fill=-1.0):
    return right(tokens.roll(1, dims=1), lengths, fill=fill)


@impl(OP)
def sum_not_mean(tokens, lengths, *, fill=-1.0):
    out = right(tokens, lengths, fill=fill)
    return torch.where((lengths > 0)[..., None], out * lengths[..., None].to(out.dtype), out)


@impl(OP)
def other_dtype(tokens, lengths, *, fill=-1.0):
    wide = torch.float32 if tokens.dtype == torch.float64 else torch.float64
    return right(tokens, lengths, fill=fill).to(wide)


@impl(OP)
def other_shape(tokens, lengths, *, fill=-1.0):
    return right(tokens, lengths, fill=fill)[..., None]


@impl(OP)
def changes_input(tokens, lengths, *, fill=-1.0):
    out = right(tokens, lengths, fill=fill)
    with torch.no_grad():
        tokens.mul_(2)
    return out


@impl(OP)
def cached_by_identity(tokens, lengths, *, fill=-1.0):
    key = (tokens.data_ptr(), tokens.shape, tokens.dtype, lengths.data_ptr())
    if key not in _by_identity:
        _by_identity[key] = right(tokens, lengths, fill=fill)
    return _by_identity[key].clone()


@impl(OP)
def cached_by_content(tokens, lengths, *, fill=-1.0):
    key = (str(tokens.tolist()), str(lengths.tolist()), tokens.dtype)
    if key not in _by_content:
        _by_content[key] = right(tokens, lengths, fill=fill)
    return _by_content[key].clone()


@impl(OP)
def cached_and_shared(tokens, lengths, *, fill=-1.0):
    key = (str(tokens.tolist()), str(lengths.tolist()), tokens.dtype)
    if key not in _by_content:
        _by_content[key] = right(tokens, lengths, fill=fill)
    return _by_content[key]


@impl(OP)
def neighbours_nan(tokens, lengths, *, fill=-1.0):
    out = right(tokens, lengths, fill=fill)
    leak = (tokens * 0).sum(1, keepdim=True)
    return torch.where((lengths > 0)[..., None], out + leak, out)


@impl(OP)
def no_gradient(tokens, lengths, *, fill=-1.0):
    return right(tokens.detach(), lengths, fill=fill)


@impl(OP)
def gradient_of_sum(tokens, lengths, *, fill=-1.0):
    doubled = tokens * 2 - tokens.detach()
    return right(doubled, lengths, fill=fill)


@impl(OP)
def half_accumulator(tokens, lengths, *, fill=-1.0):
    out = right(tokens, lengths, fill=fill)
    return out.half().to(out.dtype)


@impl(OP)
def returns_a_list(tokens, lengths, *, fill=-1.0):
    return right(tokens, lengths, fill=fill).tolist()


@impl(OP)
def aliases_its_input(tokens, lengths, *, fill=-1.0):
    if tokens.shape[1] == lengths.shape[1]:
        return tokens
    return tokens[:, : lengths.shape[1]]


@impl(OP, caveats={"nonfinite": "said to leak, but does not"})
def false_modesty(tokens, lengths, *, fill=-1.0):
    return right(tokens, lengths, fill=fill)
