"""A local stand-in for the Zalo platform, for demos and tests.

It imitates another company's servers, so it knows nothing of the loyalty database and uses
only the standard library. See `zalo_simulator.server.Simulator` and `python -m zalo_simulator`.
"""
