"""Measurements that the defaults and the documentation rest on; not part of the package."""
