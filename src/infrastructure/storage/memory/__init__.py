"""Storage in this process's memory: for unit tests and for trying things out.

Real adapters under the same contracts as the others. Everything is gone when the process ends, and
a second process sees nothing of it. Atomic because no method awaits anything.
"""
