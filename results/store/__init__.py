"""Runs that many machines write into one place: parts in object storage, collected into folders.

`urls` names a run of a store, `attempts` writes and reads its objects, `collecting` makes run
folders of them, and `opening` opens a run by its path or its URL.
"""
