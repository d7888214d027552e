"""The monitor in a Kubernetes cluster: the API it may call, its Jobs and its Lease.

Only ``api`` talks to Kubernetes; ``job`` and ``lease`` know the shapes of its objects.
"""
