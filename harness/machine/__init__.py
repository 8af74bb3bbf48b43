"""The machine: its environment, devices, noise, ceilings and reference workloads."""
