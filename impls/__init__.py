"""Contenders: one file per op; kernels in C++ and Triton below."""
