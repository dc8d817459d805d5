"""Stands for packages that need a GPU: whatever is imported of them is there, and does nothing.

lmcache's workers and its controller name torch and transformers without using them."""

import importlib.abc
import importlib.machinery
import sys

PACKAGES = ("torch", "transformers")


class Kind(type):
    """A class with any attribute, each a class of its own: they can be told apart."""

    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        made = Kind(name, (Anything,), {})
        setattr(cls, name, made)
        return made


class Anything(metaclass=Kind):
    """A class, an object or a function; called with anything, and false: no device is available."""

    def __init__(self, *_, **__):
        pass

    def __bool__(self):
        return False

    def __getattr__(self, name):
        return getattr(type(self), name)

    def __call__(self, *arguments, **__):
        # As a decorator it changes nothing.
        return arguments[0] if len(arguments) == 1 and callable(arguments[0]) else Anything()

    def __class_getitem__(cls, _):
        return cls


class StandIn(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] not in PACKAGES:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        module.__version__ = "0.0"

        def attribute(name):
            if name.startswith("__"):
                raise AttributeError(name)
            made = Kind(name, (Anything,), {})
            setattr(module, name, made)
            return made

        module.__getattr__ = attribute


sys.meta_path.append(StandIn())
