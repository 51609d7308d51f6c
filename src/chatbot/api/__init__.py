"""HTTP only: routes, streams, the error table; knows core and domain."""
