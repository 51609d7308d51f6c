"""The services: each file here is one, and holds everything that makes it.

What services of one kind share is in ``kinds``. Nothing lists the files: ``registry`` finds them.
"""
