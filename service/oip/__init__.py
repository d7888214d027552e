"""The Open Inference Protocol v2 over the data plane, for both transports.

What a tensor must be and what is asked with it stands here once; a transport only moves it.
"""
