"""Load tests of a running service with Locust: users, shapes of the load, and objectives."""
