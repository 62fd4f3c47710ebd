"""Networks of pandapower's collection, each made once in a session: reading one takes a second, copying it little."""

import copy
import functools

import pytest


@functools.cache
def _made(name, **options):
    return getattr(pytest.importorskip("pandapower.networks"), name)(**options)


def pandapower_network(name, **options):
    """A copy of the network that the function of this name makes."""
    return copy.deepcopy(_made(name, **options))
