"""A local stand-in for the Zalo platform, for demos and tests.

It imitates another company's servers, so it knows nothing of the loyalty database and uses
only the standard library. Tests start `zalo_simulator.server.Simulator`; people start
`python -m zalo_simulator`.
"""
