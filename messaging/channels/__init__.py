"""The channels behind the relay: how to send a parcel, and what an answer means."""
