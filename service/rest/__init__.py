"""REST: the front door, its endpoints, and the OpenAPI document."""
