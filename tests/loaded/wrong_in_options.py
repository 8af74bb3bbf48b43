"""Contenders of the pooling ops that don't look at `fill`, or don't have it."""

import torch

from opbench import impl


def means(tokens, ids, patches, fill):
    """By a mask of tokens and patches, in float64."""
    own = ids[:, None, :] == torch.arange(patches)[:, None]
    picked = tokens.double().nan_to_num(0, 0, 0)[:, None].masked_fill(~own[..., None], 0).sum(2)
    counts = own.sum(2)[..., None]
    out = torch.where(counts > 0, picked / counts.clamp(min=1), fill)
    return out.to(tokens.dtype)


def ids_of(lengths, size):
    ends = lengths.cumsum(1)
    return (torch.arange(size)[None, :, None] >= ends[:, None, :]).sum(2)


@impl("patch_pooling", name="wrong_always_minus_one")
def always_minus_one(tokens, lengths, *, fill=-1.0):
    return means(tokens, ids_of(lengths, tokens.shape[1]), lengths.shape[1], -1.0)


@impl("patch_pooling_ids", name="wrong_sign_of_fill_alone")
def sign_of_fill_alone(tokens, ids, num_patches, *, fill=-1.0):
    return means(tokens, ids, num_patches, -1.0 if fill < 0 else 1.0)


@impl("patch_pooling", name="right_without_fill")
def without_fill(tokens, lengths):
    return means(tokens, ids_of(lengths, tokens.shape[1]), lengths.shape[1], -1.0)
